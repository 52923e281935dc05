import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CompiledQuery, Kysely } from 'kysely';
import { archiveIn } from '../../catalog/archive.ts';
import { archiveSearchIn } from '../../catalog/archive-search.ts';
import { auditIn } from '../../catalog/audit.ts';
import { backupsIn } from '../../catalog/backups.ts';
import { Database } from '../../catalog/database.ts';
import { migrateToLatest } from '../../catalog/migrate.ts';
import { placesIn } from '../../catalog/places.ts';
import { recoveryIn } from '../../catalog/recovery-facts.ts';
import { restoresIn } from '../../catalog/restores.ts';
import { scheduleIntentsIn } from '../../catalog/schedule-intents.ts';
import { schedulesIn } from '../../catalog/schedules.ts';
import type { Tables } from '../../catalog/schema.ts';
import { servicesIn } from '../../catalog/services.ts';
import { sqliteBackend } from '../../catalog/sqlite.ts';
import { instantAt, report, segment } from './archive-records.ts';
import { newService } from './records.ts';

const timeline = 'e'.repeat(32);

/** The queries are those that the catalog really sends; SQLite tells how it would answer each. */
describe('with a million rows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plans-'));
  const backend = sqliteBackend(join(folder, 'catalog.db'));
  const sent: CompiledQuery[] = [];
  const kysely = new Kysely<Tables>({
    dialect: backend.dialect,
    log: ({ query }) => void sent.push(query),
  });
  const database = new Database(kysely, backend);

  beforeAll(async () => await migrateToLatest(kysely));
  beforeEach(() => {
    sent.length = 0;
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function registeredService(): Promise<{ serviceId: string }> {
    const service = newService();
    await servicesIn(database).upsertService(service);
    sent.length = 0;
    return service;
  }

  async function plans(): Promise<string[]> {
    const queries = sent.splice(0).filter(({ sql }) => /^(select|update|delete)/i.test(sql));
    expect(queries.length).toBeGreaterThan(0);
    const lines: string[] = [];
    for (const { sql, parameters } of queries) {
      const { rows } = await kysely.executeQuery<{ detail: string }>(
        CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
      );
      lines.push(...rows.map(({ detail }) => detail));
    }
    sent.length = 0;
    return lines;
  }

  async function expectIndexed(call: Promise<unknown>, index: RegExp): Promise<void> {
    await call;
    const lines = await plans();
    // Walking through the whole of an index that holds the unfinished alone is meant.
    const walks = lines.filter((line) => line.startsWith('SCAN') && !line.endsWith('_unfinished'));
    expect([...walks, ...lines.filter((line) => line.includes('TEMP B-TREE'))]).toEqual([]);
    // What is counted is read off its own key.
    const counts =
      /^SEARCH backup_counts USING INDEX sqlite_autoindex_backup_counts_1 \(organization=\? AND service_id=\?/;
    for (const line of lines.filter((found) => !counts.test(found))) expect(line).toMatch(index);
  }

  const page = { page: 3, pageSize: 50, order: 'desc', createdBefore: '2026-01-01T00:00:00Z' } as const;

  test('every list of backups is read off an index in its order', async () => {
    const { listBackups } = backupsIn(database);
    await expectIndexed(listBackups('o', {}, page), /backups_by_organization_created_at_id/);
    await expectIndexed(
      listBackups('o', { serviceId: 's' }, page),
      /backups_by_organization_service_id_created_at/,
    );
    await expectIndexed(listBackups('o', { status: 'Failed' }, page), /backups_by_organization_status/);
    await expectIndexed(listBackups('o', { type: 'full' }, page), /backups_by_organization_type/);
    await expectIndexed(
      listBackups('o', { status: 'Failed', type: 'full' }, page),
      /backups_by_organization_status_type/,
    );
    const three = { serviceId: 's', status: 'Failed', type: 'full' } as const;
    await expectIndexed(
      listBackups('o', three, { ...page, order: 'asc' }),
      /backups_by_organization_service_id_status/,
    );
  });

  test('the newest backups of services are each read off an index', async () => {
    await registeredService();
    await expectIndexed(
      backupsIn(database).newestBackups(['s', 't']),
      /backups_by_organization_service_id_status_type|autoindex_services|SCALAR SUBQUERY/,
    );
  });

  test('every list of restores and services is read off an index in its order', async () => {
    const { listRestores } = restoresIn(database);
    await expectIndexed(listRestores('o', {}, page), /restores_by_organization_created_at_id/);
    await expectIndexed(listRestores('o', { serviceId: 's' }, page), /restores_by_organization_service_id/);
    await expectIndexed(listRestores('o', { status: 'Failed' }, page), /restores_by_organization_status/);
    await expectIndexed(servicesIn(database).listServices('o', page), /services_by_organization/);
  });

  test('every list of schedules is read off an index in its order, and the repeating ones alone', async () => {
    const { listSchedules } = schedulesIn(database);
    const { listScheduleIntents, findScheduleIntent } = scheduleIntentsIn(database);
    const key = /PRIMARY KEY|autoindex_(services|external_buckets)/;
    const or = (index: RegExp): RegExp => new RegExp(`${index.source}|SCALAR SUBQUERY|${key.source}`);
    await expectIndexed(listSchedules('o', {}, page), or(/schedules_by_organization_created_at_id/));
    await expectIndexed(
      listSchedules('o', { serviceId: 's' }, page),
      or(/schedules_by_organization_service_id/),
    );
    await expectIndexed(listSchedules('o', { type: 'full' }, page), or(/schedules_by_organization_type/));
    await expectIndexed(findScheduleIntent(1), key);
    await listScheduleIntents();
    expect(await plans()).toEqual([expect.stringContaining('schedules_repeating')]);
  });

  test('the unfinished are found without looking at the finished', async () => {
    await expectIndexed(backupsIn(database).unfinishedBackups(), /backups_unfinished/);
    await expectIndexed(restoresIn(database).unfinishedRestores(), /restores_unfinished/);
  });

  test('the oldest entries of the audit are found without looking at the others', async () => {
    await auditIn(database).removeAuditBefore('2026-01-01T00:00:00Z');
    const lines = await plans();
    expect(lines).toContainEqual(expect.stringContaining('audit_by_created_at_id (created_at<?)'));
    expect(lines.filter((line) => line.startsWith('SCAN') || line.includes('TEMP B-TREE'))).toEqual([]);
  });

  test('one record is found by its key', async () => {
    const key = /autoindex_(backups|places|services)|PRIMARY KEY/;
    await expectIndexed(backupsIn(database).findBackup('b', 'o'), key);
    await expectIndexed(backupsIn(database).updateBackup('b', { message: 'm' }), key);
    await expectIndexed(restoresIn(database).findRestore(1, 'o'), key);
    await expectIndexed(restoresIn(database).updateRestore(1, { message: 'm' }), key);
    await expectIndexed(servicesIn(database).findService('s', 'o'), key);
  });

  test('archived binlogs are found without looking at the others', async () => {
    const archive = archiveIn(database);
    const key =
      /PRIMARY KEY|autoindex_(stretches|timelines|archive_holes|follow_states|recovery_marks|prunings)/;
    const range = {
      timeline,
      from: { file: 'binlog.000001', position: 0 },
      to: { file: 'binlog.000300', position: 700 },
    };
    const { serviceId } = await registeredService();
    for (let number = 1; number <= 3; number += 1) {
      const segments = [
        segment(timeline, number, [0, 500_000]),
        segment(timeline, number, [500_000, 1_000_000]),
      ];
      await expectIndexed(archive.recordArchive(serviceId, report(timeline, { segments, joined: [] })), key);
    }
    await expectIndexed(archive.segmentsOfFile(serviceId, 'binlog.000002'), key);
    await expectIndexed(archive.segmentsFrom(serviceId, { timeline, ...range.from }, 10), key);
    const search = archiveSearchIn(database);
    await expectIndexed(search.segmentAt(serviceId, range, { time: instantAt(2, 5_000) }), key);
    await expectIndexed(archive.forgetSegments(serviceId, [segment(timeline, 1, [0, 500_000])]), key);
    const backups = /backups_by_organization_service_id/;
    await expectIndexed(
      recoveryIn(database).recoveryFacts(serviceId),
      new RegExp(`${key.source}|autoindex_(services|verifications)|${backups.source}`),
    );
  });

  test('the first place of a service is found among its own', async () => {
    await placesIn(database)
      .takePlace({ serviceId: 's', workflowId: 'w', operation: 'o' })
      .catch(() => undefined);
    const lines = await plans();
    expect(lines.filter((line) => line.startsWith('SCAN'))).toEqual([]);
  });
});
