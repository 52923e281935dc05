/** Every operation below the base path, in the order of the documentation. */
import type { Operation } from '../operation.ts';
import { createRestore } from './create-restore.ts';
import { createSchedule } from './create-schedule.ts';
import { getBackups } from './get-backups.ts';
import { getRestore } from './get-restore.ts';
import { getSchedule } from './get-schedule.ts';
import { getService } from './get-service.ts';
import { listBackups } from './list-backups.ts';
import { listRestores } from './list-restores.ts';
import { listServices } from './list-services.ts';
import { whoAmI } from './who-am-i.ts';

export const operations: readonly Operation[] = [
  listBackups,
  getBackups,
  createSchedule,
  getSchedule,
  createRestore,
  listRestores,
  getRestore,
  listServices,
  getService,
  whoAmI,
];
