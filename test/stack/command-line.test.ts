/** The command line against the whole of Tidemark: what it orders is carried out, and what it shows is so. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CommandLine } from '../support/command-line.ts';
import { type BackupBody, type RestoreBody, TestStack, until } from '../support/stack.ts';

let stack: TestStack;
let tidemark: CommandLine;
let backupId: string;

beforeAll(async () => {
  stack = await TestStack.start('command-line');
  await stack.addService('cli-one');
  tidemark = new CommandLine({ TIDEMARK_URL: stack.url, TIDEMARK_TOKEN: stack.token });
});

afterAll(() => stack.stop());

test('the retention and the nightly backup of a service are shown and changed', async () => {
  const words = ['services', 'update', 'cli-one', '--retention-days', '30', '--nightly-hour', '4'];
  const updated = await tidemark.run(...words);
  expect(updated.stdout).toMatch(/^retention\.days +30$/m);
  expect(updated.stdout).toMatch(/^nightly\.schedule +\d+ 4 \* \* \*$/m);
  const plan = await tidemark.run('services', 'retention', 'cli-one');
  expect(plan).toMatchObject({ code: 0, stdout: '' });
  expect(plan.stderr).toBe('Backups are kept for 30 days, as the service says; 0 B can go.\n');
  const refused = await tidemark.run('services', 'update', 'cli-one', '--retention-days', 'forever');
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('"default"');
});

test('agents tells who speaks for a service, and audit who asked to change something', async () => {
  const agents = await tidemark.run('agents', '--service-id', 'cli-one');
  expect(agents.stdout).toMatch(/^ID +SERVICE_ID +STATE +ALIVE /);
  expect(agents.stdout).toMatch(/ cli-one +enrolled +yes /);
  const audit = await tidemark.run('audit', '--operation', 'updateService', '--outcome', 'succeeded');
  expect(audit.stdout.split('\n')[1]).toMatch(/Z +test +127\.0\.0\.1 +updateService +succeeded +cli-one/);
});

test('whoami tells the organization and the role of the token', async () => {
  const { code, stdout } = await tidemark.run('whoami');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^organization +default$/m);
  expect(stdout).toMatch(/^role +administrator$/m);
});

test('services lists what is managed as a table, and get shows one', async () => {
  const listed = await tidemark.run('services');
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  const [head = '', row = ''] = listed.stdout.split('\n');
  expect(head).toMatch(
    /^SERVICE_ID +SERVICE_NAME +SERVER_VERSION +SERVER +AGENT +LAST_SEEN_AT +HOSTNAME +LAST_PROVEN$/,
  );
  expect(row).toMatch(
    /^cli-one +cli-one +\d+\.\d+\.\S+ +running +alive +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +\S+ *$/,
  );
  const one = await tidemark.run('services', 'get', 'cli-one');
  expect(one.stdout).toMatch(/^agent\.alive +yes$/m);
});

test('a list that is empty says so beside the answer, not in it', async () => {
  const { code, stdout, stderr } = await tidemark.run('backups');
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: '',
    stderr: 'There are no backups to show.\n',
  });
});

test('backup --wait follows a backup to its end and then shows it', async () => {
  const { code, stdout, stderr } = await tidemark.run('backup', 'cli-one', '--wait');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toMatch(/^done$/m);
  expect(stdout).toMatch(/^status +Succeeded$/m);
  expect(stdout).toMatch(/^storage_bytes +[\d.]+ [KM]iB \(\d+ bytes\)$/m);
  backupId = /^id +(\S+)$/m.exec(stdout)?.[1] ?? '';
  expect((await stack.backupOf(backupId)).status).toBe('Succeeded');
});

test('--json prints the answer of the API as it is', async () => {
  const [shown] = await tidemark.answers('backups', 'get', backupId);
  expect(shown).toEqual(await stack.backupOf(backupId));
});

test('backups are filtered and paged as the API does it', async () => {
  await tidemark.answers('backup', 'cli-one', '--wait');
  const [page, ...others] = await tidemark.answers<{ backups: BackupBody[]; backups_count: number }>(
    'backups',
    ...['--service-id', 'cli-one', '--status', 'Succeeded', '--page-size', '1', '--order', 'asc'],
  );
  expect(others).toEqual([]);
  expect(page?.backups.map(({ id }) => id)).toEqual([backupId]);
  expect(page?.backups_count).toBe(2);
  const person = await tidemark.run('backups', '--page-size', '1');
  expect(person.stderr).toBe('Page 1 of 2, of 2 backups. --page shows another one, --all all of them.\n');
  const all = await tidemark.run('backups', '--all');
  expect(all.stdout.trimEnd().split('\n')).toHaveLength(3);
  expect((await tidemark.run('backups', '--status', 'Failed')).stdout).toBe('');
});

test('watch shows an operation that has ended at once', async () => {
  const [watched] = await tidemark.answers<BackupBody>('watch', backupId);
  expect(watched).toMatchObject({ id: backupId, status: 'Succeeded' });
});

test('a schedule that repeats is asked for in the words of the API, whose answer is shown', async () => {
  const words = ['schedules', 'create', 'cli-one', '--schedule', '0 3 31 2 *'];
  const { code, stderr } = await tidemark.run(...words);
  expect(code).toBe(3);
  expect(stderr).toMatch(/; request [\w-]+\)$/m);
  const [listed] = await tidemark.answers<{ schedules: { id: number; schedule: string }[] }>('schedules');
  const id = String(listed?.schedules.find(({ schedule }) => schedule === 'once')?.id);
  expect((await tidemark.run('schedules', 'get', id)).stdout).toMatch(/^schedule +once$/m);
});

test('a schedule is made, changed and deleted', async () => {
  const [made] = await tidemark.answers<{ id: number }>(
    'schedules',
    'create',
    'cli-one',
    '--schedule',
    '0 3 * * *',
  );
  const id = String(made?.id);
  const changed = await tidemark.run(
    'schedules',
    'update',
    id,
    '--suspended',
    'true',
    '--schedule',
    '30 4 * * *',
  );
  expect(changed.stdout).toMatch(/^schedule +30 4 \* \* \*$/m);
  expect(changed.stdout).toMatch(/^suspended +yes$/m);
  expect(await tidemark.run('schedules', 'delete', id)).toMatchObject({
    code: 0,
    stdout: `Schedule ${id} is deleted.\n`,
  });
  expect(await tidemark.run('schedules', 'get', id)).toMatchObject({ code: 3, stdout: '' });
  const [explained] = await tidemark.answers<{ next_runs: string[] }>(
    ...['schedules', 'create', 'cli-one', '--schedule', '0 3 * * *', '--explain'],
  );
  expect(explained?.next_runs).toHaveLength(3);
});

test('restore brings a backup back, and restores lists, shows and deletes it', async () => {
  const { code, stdout } = await tidemark.run('restore', backupId, 'cli-one', '--wait');
  expect(code).toBe(0);
  const id = /^id +(\d+)$/m.exec(stdout)?.[1] ?? '';
  expect((await stack.restoreOf(Number(id))).status).toBe('Succeeded');
  const listed = await tidemark.run('restores', '--service-id', 'cli-one');
  expect(listed.stdout).toMatch(new RegExp(`^ *${id} +cli-one +physical +side-by-side +Succeeded `, 'm'));
  expect((await tidemark.run('restores', 'get', id)).stdout).toMatch(/^message +Restore has succeeded!$/m);
  expect((await tidemark.run('restores', 'delete', id)).stdout).toBe(`Restore ${id} is deleted.\n`);
  expect((await tidemark.run('restores')).stdout).toBe('');
});

test('restores lookup tells where a backup can be restored to', async () => {
  expect((await tidemark.run('restores', 'lookup', backupId)).stdout).toMatch(/^cli-one +cli-one$/m);
  expect(await tidemark.answers('restores', 'pointintime')).toEqual([{ services: [] }]);
});

test('what the API refuses is said in its own sentences, and never as a stack', async () => {
  const unknown = await tidemark.run('backup', 'nobody');
  expect(unknown).toMatchObject({ code: 3, stdout: '' });
  expect(unknown.stderr).toMatch(
    /^There is no service "nobody"\. .+\n\(service_not_found; request [\w-]+\)\n$/,
  );
  const several = await tidemark.run('backups', '--page', '0', '--created-before', 'yesterday');
  expect(several.code).toBe(3);
  expect(several.stderr.split('\n')).toHaveLength(4);
});

test('a wrong token is refused by the API, a missing one before', async () => {
  const wrong = new CommandLine({ TIDEMARK_URL: stack.url, TIDEMARK_TOKEN: 'somebody-elses' });
  expect(await wrong.run('whoami')).toMatchObject({ code: 3 });
  const none = await new CommandLine({ TIDEMARK_URL: stack.url }).run('whoami');
  expect(none).toMatchObject({ code: 2, stdout: '' });
  expect(none.stderr).toMatch(/^There is no token: /);
});

test('address and token come from the settings file, which has to be its user’s alone', async () => {
  const user = new CommandLine();
  const folder = path.join(user.home, '.config', 'tidemark');
  const file = path.join(folder, 'config.toml');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `[profile.test]\nurl = "${stack.url}"\ntoken = "${stack.token}"\n`);
  chmodSync(file, 0o644);
  const open = await user.run('whoami', '--profile', 'test');
  expect(open).toMatchObject({
    code: 0,
    stderr: `Warning: ${file} holds a token and is open to others: chmod 600 ${file}\n`,
  });
  chmodSync(file, 0o600);
  expect(await user.run('--profile', 'test', 'whoami')).toMatchObject({ code: 0, stderr: '' });
});

test('a reader that goes away is no error to tell of', async () => {
  const { stdout, stderr } = await tidemark.shell('tidemark backups | head -1');
  expect(stdout).toMatch(/^ID +TYPE /);
  expect(stderr).toBe('');
});

test('on a terminal the progress is a bar, and the answer stays apart from it', async () => {
  const file = path.join(tidemark.home, 'answer');
  const inner = `tidemark backup cli-one --wait > ${file}`;
  const { code, stdout } = await tidemark.shell(`script -qec '${inner}' /dev/null < /dev/null`);
  expect(code).toBe(0);
  expect(stdout).toMatch(/done +\u2588{30} 100%/);
  expect(readFileSync(file, 'utf8')).toMatch(/^status +Succeeded$/m);
});

test('Ctrl-C ends the watching and not the operation; one that fails makes the exit code 1', async () => {
  const [service] = stack.services;
  await service?.agent.end();
  const { child, ended } = tidemark.start('backup', 'cli-one', '--wait');
  const waiting = await until(
    async () => {
      const [list] = await tidemark.answers<{ backups: BackupBody[] }>('backups', '--status', 'Scheduled');
      return list?.backups[0];
    },
    (backup) => backup !== undefined,
    'a backup that waits',
  );
  const id = waiting?.id ?? '';
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(stderr).toContain(`the operation goes on. To watch it again: tidemark watch ${id}\n`);
  expect((await stack.backupOf(id)).status).toBe('Scheduled');

  const watching = tidemark.start('watch', id, '--json');
  const { workflowId = '' } =
    (await until(
      async () => {
        for await (const found of stack.client.workflow.list({
          query: `WorkflowId STARTS_WITH "backup/cli-one/"`,
        }))
          if (found.status.name === 'RUNNING') return found;
        return undefined;
      },
      (found) => found !== undefined,
      'the workflow of the backup',
    )) ?? {};
  await stack.client.workflow.getHandle(workflowId).cancel();
  const failed = await watching.ended;
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({ id, status: 'Cancelled' } satisfies Partial<
    RestoreBody | BackupBody
  >);
  expect(failed.stderr).toMatch(/^Cancelled: /m);
  await service?.agent.start('The service is registered');
});

test('an API that is away is told from one that refuses', async () => {
  await stack.api.end();
  const { code, stderr } = await tidemark.run('services', '--timeout', '2');
  expect(code).toBe(4);
  expect(stderr).toMatch(/^http:\/\/127\.0\.0\.1:\d+ cannot be reached: .+ECONNREFUSED.+\.\n$/);
});
