/** What stands in the way of a dump's restore, before anything is touched. */
import { describe, expect, test } from '@jest/globals';
import { planLoad } from '../../domain/load-plan.ts';
import type { Layout } from '../../domain/layout.ts';
import type { RestoreMode } from '../../domain/operations.ts';
import { planRestore, suits, type TargetFacts } from '../../domain/restore-plan.ts';

const layout: Layout = {
  members: [{ kind: 'data', directory: '/data', mountPoint: false, files: [] }],
  innodbDataFiles: ['ibdata1:12M:autoextend'],
  innodbPageSize: 16_384,
  lowerCaseTableNames: 0,
  binlogBasename: '',
  obstacles: [],
};

const dump = {
  backupId: 'a',
  manifestSha256: '',
  serverVersion: '10.11.19-MariaDB',
  layout,
  storedBytes: 10,
  uncompressedBytes: 1000,
  dataBytes: 1_000_000_000,
  encrypted: false,
  recipients: [],
  pointInTime: '',
  memoryTables: ['`db`.`m`'],
  dump: { whole: true, databases: ['db'] },
};
const part = { ...dump, dump: { whole: false, databases: ['db'] } };

const target: TargetFacts = {
  serverVersion: '10.11.19-MariaDB',
  layout,
  space: [{ directory: '/data', freeBytes: 1_500_000_000, usedBytes: 900_000_000 }],
  tools: {
    mariadbBackup: '',
    mbstream: '',
    zstd: '1.5.4',
    age: '',
    mariadb: '10.11.19',
    mariadbInstallDb: 'there',
  },
  redoBytes: 100_000_000,
  loadsDumps: true,
};

function code(
  backup: typeof dump,
  change: Partial<TargetFacts> = {},
  mode: RestoreMode = 'side-by-side',
): string {
  try {
    planLoad(backup, { ...target, ...change }, mode);
    return 'planned';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the plan of a dump', () => {
  test('needs neither the tools of files, nor a server of the same version, nor its page size', () => {
    const other = {
      serverVersion: '11.8.3-MariaDB',
      layout: { ...layout, innodbPageSize: 4_096, innodbDataFiles: ['ibdata1:64M'] },
    };
    expect(planLoad(dump, { ...target, ...other }, 'side-by-side').warnings).toEqual([
      expect.stringMatching(
        /^The dump is of MariaDB 10\.11\.19-MariaDB, and was loaded into 11\.8\.3-MariaDB/,
      ),
      expect.stringMatching(/^MEMORY tables come back empty.*`db`\.`m`/),
    ]);
    expect(suits(dump, other, 'dump')).toBe(true);
    expect(suits(dump, other, 'full')).toBe(false);
  });

  test('of some databases says nothing of MEMORY tables, whose rows come back', () => {
    expect(planLoad(part, target, 'in-place').warnings).toEqual([]);
  });

  test('is refused where tables could replace each other, or the agent or a program is missing', () => {
    expect(code(dump, { layout: { ...layout, lowerCaseTableNames: 1 } })).toBe('layout_unsupported');
    expect(code(dump, { layout: { ...layout, obstacles: ['It is so.'] } })).toBe('layout_unsupported');
    expect(code(part, { layout: { ...layout, obstacles: ['It is so.'] } }, 'in-place')).toBe('planned');
    const { loadsDumps: _known, ...old } = target;
    expect(() => planLoad(dump, old, 'side-by-side')).toThrow(/Upgrade the agent/);
    expect(code(dump, { tools: { ...target.tools, mariadbInstallDb: '' } })).toBe('tool_missing');
    expect(code(part, { tools: { ...target.tools, mariadbInstallDb: '' } }, 'in-place')).toBe('planned');
    expect(code({ ...dump, encrypted: true })).toBe('tool_missing');
  });

  test('counts the room: once, twice for a trial beside it, and what is emptied in place', () => {
    expect(code(dump)).toBe('planned');
    expect(code(part)).toBe('disk_full');
    expect(code(part, {}, 'in-place')).toBe('planned');
    const space = [{ directory: '/data', freeBytes: 600_000_000, usedBytes: 900_000_000 }];
    expect(code(dump, { space })).toBe('disk_full');
    expect(code(dump, { space }, 'in-place')).toBe('planned');
    expect(code(part, { space }, 'in-place')).toBe('disk_full');
  });

  test('names what earlier restores have left, where there is no room, and nothing where they left nothing', () => {
    const until = '2026-03-27T17:18:57.000Z';
    const kept = [
      { restoreId: 4, what: 'restored' as const, directory: '/data/.tidemark/4/undone', bytes: 70, until },
      { restoreId: 5, what: 'replaced' as const, directory: '/data/.tidemark/5/previous', bytes: 80, until },
    ];
    const space = [{ directory: '/data', freeBytes: 6, usedBytes: 9 }];
    const said =
      ' Kept there: 70 bytes in /data/.tidemark/4/undone until 2026-03-27T17:18:57.000Z, what restore 4 had put ' +
      'there before it was undone; 80 bytes in /data/.tidemark/5/previous until 2026-03-27T17:18:57.000Z, what ' +
      'restore 5 replaced. Remove what is not needed of it.';
    expect(() => planLoad(dump, { ...target, space, kept }, 'side-by-side')).toThrow(said);
    expect(() => planLoad(dump, { ...target, space, kept: [] }, 'side-by-side')).toThrow(/needs less\.$/);
    const { dump: _whole, ...files } = dump;
    const tools = { ...target.tools, mariadbBackup: '10.11.19-MariaDB', mbstream: 'there' };
    expect(() => planRestore(files, { ...target, tools, space, kept }, 'side-by-side')).toThrow(said);
  });
});
