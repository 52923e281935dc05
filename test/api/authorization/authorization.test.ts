/** The table of {@link rows}, each cell of it tried: every operation × every role × own and foreign organization. */
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiKeysIn } from '../../../api/auth/api-keys.ts';
import { authenticator } from '../../../api/auth/authenticate.ts';
import { jwtsBy } from '../../../api/auth/jwt.ts';
import { openJwtKeys } from '../../../api/auth/jwt-keys.ts';
import { parseTokens } from '../../../api/auth/tokens-file.ts';
import { operations } from '../../../api/operations/index.ts';
import { jwtSettings } from '../../../config/jwt.ts';
import { type ErrorName, errorTable } from '../../../domain/errors.ts';
import { roles } from '../../../domain/operations.ts';
import { type Answer, type Harness, openApi } from '../harness.ts';
import {
  credentialsOf,
  jwtSettingsOfTests,
  newOrganization,
  type Organization,
  type Rank,
  ranks,
  tokensFileOf,
} from './organizations.ts';
import { type Row, rows } from './table.ts';

type Whose = 'own' | 'foreign';
interface Cell {
  rank: Rank;
  whose: Whose;
}

const cells: readonly Cell[] = ranks.flatMap((rank): Cell[] => [
  { rank, whose: 'own' },
  { rank, whose: 'foreign' },
]);
/** What a refused request may write: the audit says that it was refused, and a key that it was used. */
const mayChange = new Set(['audit', 'api_keys', 'sqlite_sequence']);

let api: Harness;
let acme: Organization;
let other: Organization;
let asked = 0;
const tried = new Set<string>();
/** Headers of each rank's credentials, by organization. */
const credentials = new Map<string, [kind: string, headers: Record<string, string>][]>();

beforeAll(async () => {
  const settings = jwtSettings.parse(jwtSettingsOfTests);
  const keys = await openJwtKeys(settings, console);
  api = await openApi('there', {
    authenticateBy: (catalog) =>
      authenticator({
        tokens: parseTokens(tokensFileOf(['acme', 'other']), 'tokens'),
        jwt: jwtsBy(settings, keys),
        apiKeys: apiKeysIn(catalog, console),
      }),
  });
  acme = await newOrganization(api.catalog, 'acme');
  other = await newOrganization(api.catalog, 'other');
  for (const organization of [acme, other]) {
    for (const rank of ranks) {
      const headers = await credentialsOf(api.catalog, organization, rank);
      credentials.set(`${organization.name} ${rank}`, Object.entries(headers));
    }
  }
});
afterAll(async () => {
  await api.close();
  process.stdout.write(
    `authorization: ${tried.size} cells (${operations.length} operations in ${rows.length} rows, × ${ranks.length} ranks × own and foreign), ${asked} requests\n`,
  );
});

/** A digest of each table of the catalog, but for those that any request may change. */
function contents(): Record<string, string> {
  const database = new DatabaseSync(api.location.slice('sqlite://'.length), { readOnly: true });
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all();
    const names = tables.map(({ name }) => String(name)).filter((name) => !mayChange.has(name));
    return Object.fromEntries(
      names.map((name) => {
        const content = JSON.stringify(database.prepare(`select * from "${name}"`).all());
        return [name, createHash('sha256').update(content).digest('hex')];
      }),
    );
  } finally {
    database.close();
  }
}

/** What the row says that this rank is answered. */
function expected(row: Row, { rank, whose }: Cell): 200 | ErrorName {
  if (rank === 'without') return 'unauthorized';
  if (rank === 'no role' || roles.indexOf(rank) < roles.indexOf(row.least)) return 'forbidden';
  return row[whose];
}

function methodOf(row: Row): string {
  const operation = operations.find(({ name }) => name === row.operation);
  if (!operation) throw new Error(`there is no operation ${row.operation}: take its row out`);
  return operation.method.toUpperCase();
}

/** Asks with the credentials of one cell, and holds the answer against the row. */
async function tryOne(row: Row, cell: Cell, headers: Record<string, string>): Promise<void> {
  const [owner, asker] = cell.whose === 'own' ? [acme, acme] : [acme, other];
  const { path, body } = await row.ask(owner, asker);
  const wanted = expected(row, cell);
  const before = contents();
  const answer = await api.ask(methodOf(row), path, { token: '', headers, ...(body && { body }) });
  asked += 1;
  expect(outcomeOf(answer)).toEqual(wanted === 200 ? [200] : [errorTable[wanted].status, wanted]);
  if (wanted !== 200) expect(contents()).toEqual(before);
  else if (methodOf(row) !== 'GET') owner.forget();
  // The asker's own secret may be told, the other one's never, whatever was asked and answered.
  const stranger = asker === acme ? other : acme;
  expect(answer.text).not.toContain(stranger.secret);
  if (row.tells && wanted === 200 && cell.whose === 'own') expect(answer.text).toContain(asker.secret);
}

function outcomeOf({ status, errors }: Answer): (number | string)[] {
  return [status, ...errors];
}

test('every operation has a row, and every row an operation', () => {
  const names = new Set(rows.map(({ operation }) => operation));
  expect([...names].toSorted()).toEqual(operations.map(({ name }) => name).toSorted());
});

test('the operations ask for the roles that the table says', () => {
  const asking = Object.fromEntries(operations.map(({ name, role }) => [name, role]));
  for (const { operation, least } of rows) {
    // An operation may ask for more by what is in its body.
    expect([operation, roles.indexOf(least) >= roles.indexOf(asking[operation] ?? 'administrator')]).toEqual([
      operation,
      true,
    ]);
    expect(rows.some((row) => row.operation === operation && row.least === asking[operation])).toBe(true);
  }
});

describe.each(rows.map((row, index) => ({ row, index, name: [row.operation, row.about].join(' ').trim() })))(
  '$name',
  ({ row, index }) => {
    test.each(cells)('asked by $rank, $whose', async (cell) => {
      const asker = cell.whose === 'own' ? acme : other;
      const kinds = credentials.get(`${asker.name} ${cell.rank}`) ?? [];
      expect(kinds.length).toBeGreaterThan(0);
      for (const [, headers] of kinds) await tryOne(row, cell, headers);
      tried.add(`${index} ${cell.rank} ${cell.whose}`);
    });
  },
);

test('each cell of the table was tried', () => {
  expect(tried.size).toBe(rows.length * ranks.length * 2);
});
