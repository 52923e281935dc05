/** Every workflow, by the name it has in Temporal. */
export { agent } from './agent.ts';
export { backup, backupCleanup } from './backup.ts';
export { copy } from './copy.ts';
export { follow } from './follow.ts';
export { listTransactions } from './list-transactions.ts';
export { pingAgent } from './ping-agent.ts';
export { proof } from './proof.ts';
export { reconcile } from './reconcile.ts';
export { removals } from './removals.ts';
export { restore, restoreCleanup } from './restore.ts';
export { restorePlan } from './restore-plan.ts';
export { retention } from './retention.ts';
export { scheduledBackup } from './scheduled-backup.ts';
export { inspectUndo, undo } from './undo.ts';
export { verification } from './verification.ts';
