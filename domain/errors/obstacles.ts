/** What stands in the way of a request that is right. */
import { entry, type ErrorEntry } from './entry.ts';

export const obstacleErrors = {
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
    'A restore that runs, or is being undone, cannot be removed.',
    'Wait until it has ended. A restore that runs can be stopped with `POST /restores/{id}/cancel`: the server is then put back as it was.',
  ),
  restore_ended: entry(
    409,
    false,
    'There is nothing to cancel: the restore has ended.',
    'A restore that succeeded can be undone with `POST /restores/{id}/undo`, as long as what it replaced is kept.',
  ),
  undo_refused: entry(
    409,
    false,
    'This restore cannot be undone.',
    'The message says why. Restore a backup of the data that was there before.',
  ),
  written_since: entry(
    409,
    false,
    'Something was written since the restore, or nobody can tell whether it was.',
    'Save what is still needed of it, then ask again with `force=true`.',
  ),
  backup_needed: entry(
    409,
    false,
    'Other backups build on this one and could not be restored without it.',
    'Delete those that the message names first, or all of them at once with `cascade=true`.',
  ),
  backup_in_use: entry(
    409,
    false,
    'Somebody works on this backup, or on one that would be deleted with it.',
    'Wait for what the message names, then ask again.',
  ),
  catalog_unconfirmed: entry(
    409,
    false,
    'The catalog was filled from a store, and nobody has said yet that it is right: until then nothing is deleted.',
    'Look at `GET /services` and `GET /backups`, then run `tidemark catalog confirm` on the host of the deployment.',
  ),
  backup_not_restorable: entry(
    409,
    false,
    'This backup did not succeed, so there is nothing to restore from.',
    'Choose a backup whose status is Succeeded.',
  ),
} as const satisfies Record<string, ErrorEntry>;
