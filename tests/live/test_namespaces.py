#!/usr/bin/python3
"""Tables are gathered in the namespace that was asked for."""

import unittest

import support

support.need_root()


class Namespaces(unittest.TestCase):
    def test_a_named_namespace_is_listed(self):
        with support.Netns() as netns:
            rows = support.facts(netns, "namespaces")["namespaces"]
            self.assertIn(netns.name, [row["netns"] for row in rows])


if __name__ == "__main__":
    support.main()
