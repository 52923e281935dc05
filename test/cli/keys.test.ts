import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apiKeysIn } from '../../api/auth/api-keys.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import type { Io } from '../../cli/io.ts';
import { run } from '../../cli/run.ts';

let folder: string;
let catalog: Catalog;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  catalog = await openCatalog(`sqlite://${folder}/catalog.db`);
  await catalog.migrate();
});
afterAll(async () => {
  await catalog.close();
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  code: number;
  out: string;
  said: string;
}

/** Runs `tidemark keys …` beside the api, with its settings and others. */
async function keys(words: string[], env: Record<string, string> = {}): Promise<Outcome> {
  let out = '';
  let said = '';
  const stream = (take: (text: string) => void): NodeJS.WriteStream =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        take(chunk.toString());
        done();
      },
    }) as NodeJS.WriteStream;
  const io: Io = {
    stdout: stream((text) => (out += text)),
    stderr: stream((text) => (said += text)),
    env: { TIDEMARK_CATALOG: `sqlite://${folder}/catalog.db`, TIDEMARK_STORAGE: 'file:///s', ...env },
    interrupted: new AbortController().signal,
  };
  return { code: await run(['keys', ...words], io), out, said };
}

const create = ['create', '--organization', 'acme', '--role', 'Member', '--name', 'nightly job'];

describe('tidemark keys', () => {
  test('makes a key that the api takes, prints it alone, and never again', async () => {
    const { code, out, said } = await keys([...create, '--expires', '90d']);
    expect([code, out]).toEqual([0, expect.stringMatching(/^tmk_[0-9a-f]{64}\n$/)]);
    expect(said).toMatch(
      /^API key \d+ \(tmk_[0-9a-f]{8}…\), nightly job: operator of acme, until 20\d\d-.*Z\. The key is not shown again\.\n$/,
    );
    const key = out.trim();
    const caller = await apiKeysIn(catalog, console)(key);
    expect(caller).toMatchObject({ organization: 'acme', role: 'operator', subject: 'nightly job' });
    const days = (Date.parse(caller.expiresAt ?? '') - Date.now()) / 86_400_000;
    expect(Math.abs(days - 90)).toBeLessThan(0.01);
    for (const { out: shown } of [await keys(['list']), await keys(['list', '--json'])]) {
      expect(shown).toContain(key.slice(0, 12));
      expect(shown).not.toContain(key.slice(0, 20));
    }
  });

  test('lists keys for people and for scripts, of one organization if asked', async () => {
    await keys([...create.slice(0, -1), 'grafana']);
    await keys(['create', '--organization', 'umbrella', '--role', 'viewer', '--name', 'red queen']);
    const { out } = await keys(['list', '--organization', 'umbrella']);
    expect(out.split('\n')[0]).toMatch(
      /^ *ID +KEY +ORGANIZATION +ROLE +NAME +CREATED_AT +LAST_USED_AT +STATE$/,
    );
    expect(out.split('\n')[1]).toMatch(/tmk_\w{8}… +umbrella +viewer +red queen +20.*Z +without end$/);
    const lines = (await keys(['list', '--json'])).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toContainEqual({
      id: expect.any(Number) as unknown,
      key: expect.stringMatching(/^tmk_\w{8}$/) as unknown,
      organization: 'acme',
      role: 'operator',
      name: 'grafana',
      created_at: expect.stringMatching(/Z$/) as unknown,
    });
    expect(await keys(['list', '--organization', 'nobody', '--json'])).toEqual({
      code: 0,
      out: '',
      said: '',
    });
  });

  test('ends a key: at a time, now, not after all, and for good', async () => {
    const { out, said } = await keys(create);
    const id = /^API key (\d+)/.exec(said)?.[1] ?? '';
    const taken = async (): Promise<unknown> =>
      apiKeysIn(
        catalog,
        console,
      )(out.trim()).then(
        () => true,
        (error: Error) => error.message,
      );
    expect((await keys(['expire', id, '2999-01-31'])).said).toContain('until 2999-01-31 00:00:00Z.');
    expect(await taken()).toBe(true);
    expect((await keys(['expire', id, 'now'])).said).toContain(', expired at 20');
    expect(await taken()).toContain('has expired');
    expect((await keys(['expire', id, 'never'])).said).toContain('without end');
    expect(await taken()).toBe(true);
    expect((await keys(['revoke', id])).said).toContain('revoked at 20');
    expect(await taken()).toContain('was revoked');
    const again = await keys(['expire', id, '1y']);
    expect([again.code, again.said]).toEqual([1, expect.stringContaining('for good: make another one')]);
  });

  test.each([
    [['create', '--organization', 'a', '--role', 'viewer'], "required option '--name <name>' not specified"],
    [['create', '--organization', 'a', '--role', 'king', '--name', 'n'], 'viewer, operator, administrator'],
    [[...create.slice(0, -1), 'a\nb'], 'A text of 1 to 100 characters'],
    [[...create, '--expires', '2001-01-01'], 'over already'],
    [[...create, '--expires', '2027-02-30T99:00Z'], 'a length of time from now, such as'],
    [[...create, '--expires', '2099-02-29'], 'a length of time from now, such as'],
    [[...create, '--expires', 'tomorrow'], 'a length of time from now, such as'],
    [['revoke', 'tmk_0011223344'], '`tidemark keys list` shows it'],
    [['expire', '1'], "missing required argument 'when'"],
    [['destroy'], "unknown command 'destroy'"],
  ])('%j is wrong usage, and says what would be right', async (words, hint) => {
    const before = (await catalog.listApiKeys()).length;
    const { code, out, said } = await keys(words);
    expect([code, out]).toEqual([2, '']);
    expect(said).toContain(hint);
    expect(await catalog.listApiKeys()).toHaveLength(before);
  });

  test('says that there is no such key', async () => {
    expect(await keys(['revoke', '999999'])).toEqual({
      code: 1,
      out: '',
      said: 'There is no API key 999999.\n',
    });
  });

  test('finds the catalog in an option, or in the file of settings, and makes none by a slip', async () => {
    const file = join(folder, 'api.yaml');
    await writeFile(file, `catalog: "sqlite://${folder}/catalog.db"\nport: 8081\nlog_level: debug\n`);
    expect((await keys(['list'], { TIDEMARK_CATALOG: '', TIDEMARK_CONFIG: file })).code).toBe(0);
    expect(
      (await keys(['list', '--catalog', `sqlite://${folder}/catalog.db`], { TIDEMARK_CATALOG: '' })).code,
    ).toBe(0);
    const none = await keys(['list'], { TIDEMARK_CATALOG: '' });
    expect([none.code, none.said]).toEqual([
      2,
      expect.stringContaining('--catalog (or TIDEMARK_CATALOG) is missing'),
    ]);
    const wrong = await keys(['list', '--catalog', 'catalog.db'], { TIDEMARK_CATALOG: '' });
    expect([wrong.code, wrong.said]).toEqual([2, expect.stringMatching(/^--catalog has the value /)]);
    const variable = await keys(['list'], { TIDEMARK_CATALOG: 'catalog.db' });
    expect(variable.said).toMatch(/^TIDEMARK_CATALOG has the value /);
    const slip = await keys(['list', '--catalog', `sqlite://${folder}/catalogue.db`]);
    expect([slip.code, slip.said]).toEqual([2, expect.stringContaining('There is no catalog at')]);
  });
});
