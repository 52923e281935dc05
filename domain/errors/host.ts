/** The database server on its host, and the programs that work on it. */
import { entry, type ErrorEntry } from './entry.ts';

export const hostErrors = {
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
  agent_outdated: entry(
    409,
    false,
    'The agent of the service is of a version that cannot do what was ordered.',
    'Bring the agent to the version of the deployment, then order it again.',
  ),
  sealed_for_another: entry(
    409,
    false,
    'What was sealed for an agent does not open with its key.',
    'Order the operation again; if that does not help, enrol the agent anew.',
  ),
  identity_unavailable: entry(
    409,
    false,
    'The backup is encrypted, and nobody on the host can open it.',
    'Give the agent the age identity of a recipient that the message names: `restore.age_identity_file` or `restore.age_identity_command`.',
  ),
  identity_command_failed: entry(
    409,
    true,
    'The command that prints the age identity failed, or did not end in time.',
    "Run `restore.age_identity_command` on the host as the agent's user; what it said is in the agent's log.",
  ),
  encryption_required: entry(
    409,
    false,
    'Backups that are not encrypted are refused here, and no recipient is named.',
    'Name age recipients: for the service (`encryption.recipients`), the deployment (`recipients`) or in the settings of the agent (`backup.recipients`).',
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
  binlog_damaged: entry(
    409,
    false,
    'A binary log is not as the server wrote it, or is none that is read here.',
    "The message names the position: what stands before it is right. Compare the file with the server's own, and read it again from there.",
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
} as const satisfies Record<string, ErrorEntry>;
