/** What a client sent. */
import { entry, type ErrorEntry } from './entry.ts';

export const requestErrors = {
  invalid_json: entry(
    400,
    false,
    'The body is not JSON.',
    'Mend the body at the position that the message names.',
  ),
  invalid_request: entry(
    400,
    false,
    'A field, query parameter or path segment is missing, unknown or has a wrong value.',
    'Each entry of `errors` names a field, what is wrong with it and what would be right.',
  ),
  invalid_schedule: entry(
    400,
    false,
    'The `schedule` is neither `once` nor a five-field cron expression.',
    'Write `"once"`, or five cron fields read in UTC.',
  ),
  not_available: entry(
    400,
    false,
    'The request is well formed, but this deployment cannot carry it out yet.',
    'The message names what is available instead.',
  ),
  unauthorized: entry(
    401,
    false,
    'No valid credentials came with the request.',
    'Send `Authorization: Bearer <token>` or `X-API-Key: <token>`.',
  ),
  forbidden: entry(
    403,
    false,
    'The role of these credentials does not allow the operation.',
    'Use credentials with the role that the message names.',
  ),
  not_found: entry(404, false, 'There is nothing at this path.', 'Compare the path with `/openapi.json`.'),
  service_not_found: entry(
    404,
    false,
    'No service of your organization has this id.',
    '`GET /services` lists the services there are.',
  ),
  backup_not_found: entry(
    404,
    false,
    'No backup of your organization has this id.',
    '`GET /backups` lists the backups there are.',
  ),
  verification_not_found: entry(
    404,
    false,
    'This backup was not verified yet.',
    '`POST /backups/{id}/verify` reads it back; then ask again.',
  ),
  schedule_not_found: entry(
    404,
    false,
    'No schedule of your organization has this id.',
    'Use the `id` that `POST /backups/schedules` answered with.',
  ),
  restore_not_found: entry(
    404,
    false,
    'No restore of your organization has this id.',
    'Use the `id` that `POST /restores` answered with.',
  ),
  api_key_not_found: entry(
    404,
    false,
    'There is no API key with this number.',
    '`tidemark keys list` shows the keys there are.',
  ),
  idempotency_key_reused: entry(
    409,
    false,
    'The `Idempotency-Key` was used before, with another request.',
    'Send a new key for a new request; to repeat a request, send exactly the same one.',
  ),
  request_in_progress: entry(
    409,
    true,
    'A request with the same `Idempotency-Key` is still being carried out.',
    'Ask again with the same key after `Retry-After` seconds: its answer is given then.',
  ),
  too_many_requests: entry(
    429,
    true,
    'These credentials, or this address, asked too often within a minute.',
    'Wait `Retry-After` seconds, then ask less often. The limits are settings of the api.',
  ),
  malformed_request: entry(
    400,
    false,
    'What came is no HTTP request, or ended before its body was whole.',
    'Look at the first line, the headers and the `Host` of the request, and whether its body is as long as it says.',
  ),
  request_timeout: entry(
    408,
    true,
    'The request did not come whole in time.',
    'Send it again; look at the network between.',
  ),
  expectation_failed: entry(
    417,
    false,
    'The `Expect` header asks for something else than `100-continue`.',
    'Leave the header out.',
  ),
  headers_too_large: entry(
    431,
    false,
    'The headers of the request, its address included, are larger than 16 KiB.',
    'Send fewer or shorter ones.',
  ),
  agent_not_found: entry(
    404,
    false,
    'No agent or enrolment of your organization has this id.',
    '`GET /agents` lists the agents there are.',
  ),
  method_not_allowed: entry(
    405,
    false,
    'The path exists, but not with this method.',
    'Use one of the methods in the `Allow` header.',
  ),
  body_too_large: entry(413, false, 'The body is larger than 1 MiB.', 'Send a smaller body.'),
  unsupported_media_type: entry(
    415,
    false,
    'The body is not declared as JSON.',
    'Send `Content-Type: application/json`.',
  ),
} as const satisfies Record<string, ErrorEntry>;
