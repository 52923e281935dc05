/** `tidemark agents enroll`, on a catalog of its own. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { enrollCommand } from '../../cli/agents.ts';
import { digestOfToken } from '../../domain/enrolment.ts';
import { serviceRecord } from '../api/harness.ts';

let folder: string;
let catalog: Catalog;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enroll-'));
  catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  await catalog.migrate();
});
afterAll(async () => {
  await catalog.close();
  await rm(folder, { recursive: true });
});

async function enroll(...args: string[]): Promise<{ out: string; err: string }> {
  const said = { out: '', err: '' };
  const command = enrollCommand({
    stdout: { write: (text) => (said.out += text) },
    stderr: { write: (text) => (said.err += text) },
    env: { TIDEMARK_CATALOG: `sqlite://${folder}/catalog.db` },
  });
  await command.exitOverride().parseAsync(['--organization', 'acme', ...args], { from: 'user' });
  return said;
}

test('prints the token alone, which the catalog knows by its digest', async () => {
  const { out, err } = await enroll('--service', 'db-1', '--expires', '1h');
  const token = out.trim();
  expect(out).toBe(`${token}\n`);
  expect(err).not.toContain(token);
  const [known] = await catalog.enrolmentsOf('acme', 'db-1');
  expect(known).toMatchObject({ tokenDigest: digestOfToken(token), state: 'pending', takeOver: false });
  expect(Date.parse(known?.expiresAt ?? '') - Date.now()).toBeLessThanOrEqual(3_600_000);
});

test('writes it into a file that nobody else can read', async () => {
  const file = join(folder, 'token');
  const { out } = await enroll('--service', 'db-2', '--output', file);
  expect(out).toBe('');
  const token = (await readFile(file, 'utf8')).trim();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await catalog.enrolmentsOf('acme', 'db-2'))[0]?.tokenDigest).toBe(digestOfToken(token));
});

test('a service that has an agent needs --take-over, or is left alone with --unless-enrolled', async () => {
  await enroll('--service', 'db-3');
  const [{ id = '' } = {}] = await catalog.enrolmentsOf('acme', 'db-3');
  const service = serviceRecord({ serviceId: 'db-3', agentId: 'agent-3' });
  await catalog.enrolAgent({ id, signingKey: 'key', recipient: 'age1', sequence: 1, service });
  await expect(enroll('--service', 'db-3')).rejects.toMatchObject({ code: 'agent_enrolled' });
  expect(await enroll('--service', 'db-3', '--unless-enrolled')).toMatchObject({ out: '' });
  expect((await enroll('--service', 'db-3', '--take-over')).out).toMatch(/^tme_/);
  await expect(enroll('--service', 'db-3', '--take-over', '--expires', '3d')).rejects.toMatchObject({
    code: 'invalid_request',
  });
});
