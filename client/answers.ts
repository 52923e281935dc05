/** The API's answers as a client sees them: the types of the schemas that the API answers with, and no code. */
import type { z } from 'zod';
import type { agentList } from '../api/schemas/agent.ts';
import type { auditList } from '../api/schemas/audit.ts';
import type { BackupView, RemovedBackupsView } from '../api/schemas/backup.ts';
import type { pointInTimeServices, restoreTargets } from '../api/schemas/lookup.ts';
import type { ProofView } from '../api/schemas/proof.ts';
import type { RestorePlanView, RestoreView } from '../api/schemas/restore.ts';
import type { ScheduleView } from '../api/schemas/schedule.ts';
import type { RecoveryWindowView } from '../api/schemas/recovery-window.ts';
import type { RetentionPlanView } from '../api/schemas/retention.ts';
import type { ServiceView } from '../api/schemas/service.ts';
import type { TransactionsView } from '../api/schemas/transactions.ts';
import type { VerificationView } from '../api/schemas/verification.ts';

export type Backup = BackupView;
export type RemovedBackups = RemovedBackupsView;
export type Restore = RestoreView;
export type RestorePlan = RestorePlanView;
export type Schedule = ScheduleView;
export type Service = ServiceView;
export type Verification = VerificationView;
export type Proof = ProofView;
export type Progress = NonNullable<Backup['progress']>;

/** What every list has besides its items and their count. */
interface Pages {
  pages_count: number;
}

export type BackupList = Pages & { backups: Backup[]; backups_count: number };
export type RestoreList = Pages & { restores: Restore[]; restores_count: number };
export type ScheduleList = Pages & { schedules: Schedule[]; schedules_count: number };
export type ProofList = Pages & { proofs: Proof[]; proofs_count: number };
export type ServiceList = Pages & { services: Service[]; services_count: number };

export type RestoreTargets = z.infer<typeof restoreTargets>;
export type PointInTimeServices = z.infer<typeof pointInTimeServices>;
export type AgentList = z.infer<typeof agentList>;
export type Agent = AgentList['agents'][number];
export type AuditList = z.infer<typeof auditList>;
export type AuditEntry = AuditList['entries'][number];
export type RecoveryWindow = RecoveryWindowView;
export type Transactions = TransactionsView;
export type RetentionPlan = RetentionPlanView;
export type Verdict = RetentionPlan['keep'][number];
