#include "core/fleet/schema.h"

namespace hostcheck::fleet {

// A schema that was made before stays as it is, whatever is made a second time here.
std::string create_helpers() {
  return R"(CREATE OR REPLACE VIEW unknowns AS
  SELECT host, id, outcome, reason, remedy FROM checks WHERE outcome IN ('unknown', 'error');
COMMENT ON VIEW unknowns IS 'Checks that could not judge, and why';

CREATE OR REPLACE FUNCTION to_inet(address text) RETURNS inet LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE WHEN address ~ '^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$' OR address ~ '^[0-9a-f]*:[0-9a-f:.]*(/[0-9]{1,3})?$'
              THEN address::inet END
$$;
COMMENT ON FUNCTION to_inet(text) IS 'Address or prefix as inet; NULL where it is a pseudonym or none';

CREATE OR REPLACE FUNCTION ip_family(address text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CASE family(address::inet) WHEN 4 THEN 'inet' ELSE 'inet6' END
$$;
CREATE OR REPLACE FUNCTION ip_in(address text, prefix text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT address::inet <<= prefix::inet
$$;
CREATE OR REPLACE FUNCTION has_flag(flags text, flag text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT flag = ANY (string_to_array(flags, ','))
$$;
CREATE OR REPLACE FUNCTION ifnull(anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT COALESCE($1, $2)
$$;

-- Where a query says that a boolean is 1 or 0.
CREATE OR REPLACE FUNCTION boolean_is(boolean, integer) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT $1::integer OPERATOR(pg_catalog.=) $2
$$;
CREATE OR REPLACE FUNCTION boolean_is_not(boolean, integer) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT $1::integer OPERATOR(pg_catalog.<>) $2
$$;
DO $$ BEGIN
  CREATE OPERATOR = (LEFTARG = boolean, RIGHTARG = integer, FUNCTION = boolean_is, NEGATOR = <>);
EXCEPTION WHEN duplicate_function THEN NULL; END $$;
DO $$ BEGIN
  CREATE OPERATOR <> (LEFTARG = boolean, RIGHTARG = integer, FUNCTION = boolean_is_not, NEGATOR = =);
EXCEPTION WHEN duplicate_function THEN NULL; END $$;
)";
}

}  // namespace hostcheck::fleet
