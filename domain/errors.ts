/**
 * The one table of errors. Everything that can be said to a user derives from it: the stable name,
 * the HTTP status, whether Temporal may try again, and the page in docs/errors.md.
 */

interface ErrorEntry {
  /** HTTP status when this error is an answer of the API. */
  status: number;
  /** Whether trying the same thing again, unchanged, can succeed. Temporal's retries follow this. */
  retryable: boolean;
  /** What it means, one sentence. */
  meaning: string;
  /** What the reader should do. */
  remedy: string;
}

const entry = (status: number, retryable: boolean, meaning: string, remedy: string): ErrorEntry => ({
  status,
  retryable,
  meaning,
  remedy,
});

export const errorTable = {
  // What a client sent.
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
    'What came is no HTTP request.',
    'Look at the first line, the headers and the `Host` of the request.',
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
  // What stands in the way.
  service_busy: entry(
    409,
    false,
    'Another operation has this service for itself.',
    'Wait for the operation that the message names, then ask again.',
  ),
  schedule_active: entry(
    409,
    false,
    'The backup of this one-time schedule has not ended.',
    'Delete the schedule when its backup has ended; the message names the backup.',
  ),
  service_taken: entry(
    409,
    false,
    'A service of this id belongs to another organization.',
    'Give the agent another `service_id`, or the organization that has the service.',
  ),
  api_key_revoked: entry(
    409,
    false,
    'The API key was revoked, which is for good.',
    'Make another one with `tidemark keys create`.',
  ),
  agent_enrolled: entry(
    409,
    false,
    'The service has an agent already.',
    'Let the new agent take over with `take_over: true`, or revoke the one there is.',
  ),
  agent_revoked: entry(
    409,
    false,
    'The agent of this service was revoked, and no other one has taken its place.',
    'Enrol an agent for the service: `POST /agents`, or `tidemark agents enroll`.',
  ),
  agent_unavailable: entry(
    409,
    true,
    'The agent of this service does not answer.',
    'Start the agent beside the server, or look into its log; then ask again.',
  ),
  restore_running: entry(
    409,
    false,
    'A restore that runs cannot be removed.',
    'Wait until it has ended, or cancel it with `POST /restores/{id}/cancel`.',
  ),
  backup_not_restorable: entry(
    409,
    false,
    'This backup did not succeed, so there is nothing to restore from.',
    'Choose a backup whose status is Succeeded.',
  ),
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
    'Something was sealed under a key that the sealing key file does not have any more.',
    'Put the old key back into the file, below the first line, and start the process again.',
  ),
  catalog_incompatible: entry(
    503,
    false,
    'The schema of the catalog is newer than this version of Tidemark.',
    'Run the version that made the schema, or a newer one.',
  ),
  // The database server on its host.
  database_unreachable: entry(
    409,
    true,
    'The database server does not accept connections.',
    'Start the server, or mend the socket or address in its option file.',
  ),
  database_access_denied: entry(
    409,
    false,
    "The server refuses the agent's account.",
    'Mend user and password in the client option file that the agent settings name.',
  ),
  privilege_missing: entry(
    409,
    false,
    "The agent's account lacks a privilege.",
    'Grant what the message names.',
  ),
  tool_missing: entry(
    409,
    false,
    'A program that the operation needs is not installed.',
    'Install the program that the message names.',
  ),
  tool_version_mismatch: entry(
    409,
    false,
    'The backup tool, the server and the backup are not of one major version.',
    'Install the tool of the version of the server.',
  ),
  identity_unavailable: entry(
    409,
    false,
    'The backup is encrypted, and nobody on the host can open it.',
    'Give the agent the age identity: `restore.age_identity_file`.',
  ),
  layout_unsupported: entry(
    409,
    false,
    'The files of the server are laid out in a way that cannot be swapped safely.',
    'Change the option that the message names, or restore to another server.',
  ),
  disk_full: entry(
    409,
    false,
    'There is no room on a file system that the operation writes to.',
    'Free the bytes that the message names, or restore with `mode: "in-place"`.',
  ),
  host_busy: entry(
    409,
    true,
    'Another process on the host works on this server.',
    'Wait until it ends; it is ended by itself when it was left over.',
  ),
  backup_tool_failed: entry(
    409,
    true,
    'mariadb-backup, or a program behind it in the pipe, failed.',
    'The message ends with what the program said.',
  ),
  redo_overrun: entry(
    409,
    true,
    'The redo log was overwritten before it was copied.',
    'Make `innodb_log_file_size` larger, or back up when there is less to write.',
  ),
  extract_failed: entry(
    409,
    true,
    'The stream of the backup could not be unpacked.',
    'The message ends with what the program said.',
  ),
  prepare_failed: entry(
    409,
    false,
    'mariadb-backup could not prepare the copy.',
    'The message ends with what the program said; verify the backup.',
  ),
  private_server_failed: entry(
    409,
    false,
    'A private server could not be started on the restored copy, or did not find in it what the backup promised.',
    'The message ends with what the server logged. The target was not touched.',
  ),
  server_stop_failed: entry(
    409,
    false,
    'The server did not stop in time.',
    'Stop it by hand, or raise `server.stop_timeout`.',
  ),
  server_start_failed: entry(
    409,
    false,
    'The server did not start on the restored data.',
    'The message ends with what the server logged.',
  ),
  cut_over_failed: entry(
    409,
    false,
    'The swap of the data failed and was taken back.',
    'The message names the step; mend it and restore again.',
  ),
  put_back_failed: entry(
    409,
    true,
    'A server could not be put back as it was before a restore.',
    'The message says what stands in the way; mend it. It is tried again until it works.',
  ),
  previous_gone: entry(
    409,
    false,
    'The data that a restore replaced is not kept any more.',
    'Restore a backup of it instead.',
  ),
  // The object store.
  object_missing: entry(
    409,
    false,
    'An object of the backup is not in the store.',
    'The message names it; restore another backup.',
  ),
  object_damaged: entry(
    409,
    false,
    'An object of the backup does not have the digest that its manifest records.',
    'The message names object, expected and found; restore another backup.',
  ),
  object_exists: entry(
    409,
    false,
    'An object of this name exists already with other content.',
    'Objects are never overwritten; look who else writes to this place.',
  ),
  storage_full: entry(
    409,
    false,
    'The object store has no room left.',
    'Free space in the store that the message names.',
  ),
  storage_unavailable: entry(
    503,
    true,
    'The object store does not answer, or refuses the request.',
    'See that the location in the settings exists and can be written to.',
  ),
  storage_mismatch: entry(
    409,
    false,
    'The agent and the control worker do not see the same store.',
    'Give both the same storage location; a local directory has to be shared.',
  ),
  invalid_setting: entry(
    500,
    false,
    'A setting is unknown or has a wrong value; the process did not start.',
    'The message names the setting, its value and what is allowed.',
  ),
  operation_stalled: entry(
    409,
    true,
    'The operation made no progress for longer than `stall_timeout`.',
    'Look what holds the server or the store up; the message names the phase.',
  ),
  operation_cancelled: entry(
    409,
    false,
    'The operation was cancelled.',
    'Nothing; ask again if it is still wanted.',
  ),
  operation_lost: entry(
    409,
    false,
    "The operation's workflow ended without saying so: it was terminated, or ran out of attempts.",
    "Look at the workflow in Temporal's web UI, then ask again.",
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorName = keyof typeof errorTable;

/** One thing that is wrong, as it is listed in the API's error object. */
export interface ErrorItem {
  error: ErrorName;
  message: string;
}

/**
 * The only error that Tidemark throws on purpose. `message` is a sentence that says what is wrong and
 * what would be right; it never holds a secret or a stack.
 *
 * @example throw new TidemarkError('service_not_found', 'There is no service "db1".')
 */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError';
  readonly code: ErrorName;
  /** All findings, when more than one thing is wrong at once; the first is this error itself. */
  readonly items: readonly ErrorItem[];
  /** When asking again can help, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorName,
    message: string,
    options: { cause?: unknown; items?: readonly ErrorItem[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.items = options.items ?? [{ error: code, message }];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

export function isErrorName(name: unknown): name is ErrorName {
  return typeof name === 'string' && Object.hasOwn(errorTable, name);
}

/** What an unknown thrown value says of itself, for a message; never a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
