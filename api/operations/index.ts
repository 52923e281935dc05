/** Every operation below the base paths, in the order of the documentation. */
import type { Operation } from '../operation.ts';
import { cancelRestore } from './cancel-restore.ts';
import { createAgent } from './create-agent.ts';
import { createProof } from './create-proof.ts';
import { createRestore } from './create-restore.ts';
import { createSchedule } from './create-schedule.ts';
import { deleteBackup } from './delete-backup.ts';
import { deleteRestore } from './delete-restore.ts';
import { deleteSchedule } from './delete-schedule.ts';
import { getBackupStatus } from './get-backup-status.ts';
import { getBackups } from './get-backups.ts';
import { getBinlog } from './get-binlog.ts';
import { getRecoveryWindow } from './get-recovery-window.ts';
import { getRestoreEvents } from './get-restore-events.ts';
import { getRestore } from './get-restore.ts';
import { getRetention } from './get-retention.ts';
import { getSchedule } from './get-schedule.ts';
import { getService } from './get-service.ts';
import { getVerification } from './get-verification.ts';
import { listAudit } from './list-audit.ts';
import { listAgents } from './list-agents.ts';
import { listBackups } from './list-backups.ts';
import { listProofs } from './list-proofs.ts';
import { listRestores } from './list-restores.ts';
import { listSchedules } from './list-schedules.ts';
import { listServices } from './list-services.ts';
import { listTransactions } from './list-transactions.ts';
import { lookupPointsInTime } from './lookup-points-in-time.ts';
import { lookupRestore } from './lookup-restore.ts';
import { revokeAgent } from './revoke-agent.ts';
import { undoRestore } from './undo-restore.ts';
import { updateSchedule } from './update-schedule.ts';
import { updateService } from './update-service.ts';
import { verifyBackup } from './verify-backup.ts';
import { whoAmI } from './who-am-i.ts';

export const operations: readonly Operation[] = [
  // Backups.
  listBackups,
  getBackupStatus,
  getBackups,
  deleteBackup,
  verifyBackup,
  getVerification,
  // Schedules.
  createSchedule,
  listSchedules,
  getSchedule,
  updateSchedule,
  deleteSchedule,
  // Restores.
  createRestore,
  listRestores,
  lookupRestore,
  lookupPointsInTime,
  getRestore,
  deleteRestore,
  cancelRestore,
  undoRestore,
  getRestoreEvents,
  // Services.
  listServices,
  getService,
  updateService,
  getRetention,
  getRecoveryWindow,
  listTransactions,
  getBinlog,
  listProofs,
  createProof,
  // Agents.
  listAgents,
  createAgent,
  revokeAgent,
  whoAmI,
  listAudit,
];
