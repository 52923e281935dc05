/** Tidemark's own processes, and what they need to work. */
import { entry, type ErrorEntry } from './entry.ts';

export const processErrors = {
  internal: entry(500, false, 'Tidemark has a defect.', 'Report it with the `trace_id`.'),
  temporal_unavailable: entry(
    503,
    true,
    'The Temporal server does not answer.',
    'See that Temporal runs at the address that the message names; nothing was started.',
  ),
  catalog_unavailable: entry(
    503,
    true,
    'The catalog does not answer.',
    'See that the catalog database runs and can be written to; nothing was started.',
  ),
  issuer_unavailable: entry(
    503,
    true,
    'The issuer of JWTs does not answer, and none of its keys is known yet.',
    'See that the address in `jwt.jwks_url` can be reached from the api. API keys and tokens of the file go on working.',
  ),
  sealing_key_missing: entry(
    503,
    false,
    'Something was sealed under a key that the process does not have, or not any more.',
    'Put the old key back into the file, below the first line, or give the process the file by `sealing_key_file`; then start it again.',
  ),
  catalog_incompatible: entry(
    503,
    false,
    'The schema of the catalog is newer than this version of Tidemark.',
    'Run the version that made the schema, or a newer one.',
  ),
} as const satisfies Record<string, ErrorEntry>;
