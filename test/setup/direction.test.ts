/** The direction of calls between the rooms of the house, held by dependency-cruiser. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
let house: string;

/** Files of a small house with the same rooms, each with what it imports. */
const files: Record<string, string> = {
  'domain/pure.ts': `import { createHash } from 'node:crypto';\nexport const pure = createHash;\n`,
  'domain/ids.ts': 'export const id = 1;\n',
  'domain/reads.ts': `import { readFileSync } from 'node:fs';\nexport const read = readFileSync;\n`,
  'mariadb/server.ts': `import { id } from '../domain/ids.ts';\nexport const server = id;\n`,
  'mariadb/stores.ts': `import { store } from '../storage/store.ts';\nexport const stores = store;\n`,
  'storage/store.ts': 'export const store = 1;\n',
  'catalog/rows.ts': 'export const rows = 1;\n',
  'activities/host/contract.ts': 'export interface Host { ping(): void }\nexport const ping = 1;\n',
  'activities/host/backup.ts': `import { server } from '../../mariadb/server.ts';\nexport const backup = server;\n`,
  'workflows/backup.ts': `import type { Host } from '../activities/host/contract.ts';\nimport { id } from '../domain/ids.ts';\nexport const run = (host: Host) => (host.ping(), id);\n`,
  'workflows/takes-code.ts': `import { ping } from '../activities/host/contract.ts';\nexport const code = ping;\n`,
  'workflows/takes-activity.ts': `import type { backup } from '../activities/host/backup.ts';\nexport type B = typeof backup;\n`,
  'workflows/reaches-node.ts': `import { pure } from '../domain/pure.ts';\nexport const reaches = pure;\n`,
  'api/app.ts': `import { rows } from '../catalog/rows.ts';\nimport type { run } from '../workflows/backup.ts';\nexport const app = rows;\nexport type R = typeof run;\n`,
  'api/drives.ts': `import { server } from '../mariadb/server.ts';\nexport const drives = server;\n`,
  'api/writes.ts': `import { store } from '../storage/store.ts';\nexport const writes = store;\n`,
  'api/circle-a.ts': `import { b } from './circle-b.ts';\nexport const a = () => b;\n`,
  'api/circle-b.ts': `import { a } from './circle-a.ts';\nexport const b = () => a;\n`,
};

/** `file: rule` of each import that is refused. */
let refused: string[];

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'house-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(house, dirname(path)), { recursive: true });
    writeFileSync(join(house, path), text);
  }
  writeFileSync(join(house, 'package.json'), '{"type":"module"}');
  symlinkSync(join(root, 'tsconfig.json'), join(house, 'tsconfig.json'));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      ...['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json'],
      ...['domain', 'mariadb', 'storage', 'catalog', 'activities', 'workflows', 'api'],
    ],
    { cwd: house, encoding: 'utf8' },
  );
  if (stdout === '') throw new Error(`dependency-cruiser gave no answer: ${stderr}`);
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { from: string; rule: { name: string } }[] };
  };
  refused = summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort();
});

afterAll(() => rmSync(house, { recursive: true }));

test('imports against the direction of calls are refused, and no others', () => {
  expect(refused).toEqual([
    'api/circle-a.ts: no-circles',
    'api/drives.ts: api-imports-only-what-it-may',
    'api/writes.ts: api-imports-only-what-it-may',
    'domain/reads.ts: domain-does-no-io',
    'mariadb/stores.ts: mariadb-imports-only-what-it-may',
    'workflows/reaches-node.ts: workflows-reach-no-node-module-through-domain',
    'workflows/takes-activity.ts: workflows-imports-only-what-it-may',
    'workflows/takes-code.ts: workflows-take-types-of-activities',
  ]);
});
