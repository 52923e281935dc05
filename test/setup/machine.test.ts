/** scripts/setup on machines that lack something: stand-ins for npm and package managers, in a copy of the scripts. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

const root = resolve(import.meta.dirname, '../..');
/** What the scripts take from the base system. */
const base =
  'bash sh env id uname mktemp rm mv cp mkdir ln readlink cat cmp tail head sed grep tr cut dirname basename tar ' +
  'chmod flock sleep tee touch sort paste gzip ls';
/** Somebody who may not become root; the tests themselves may run as root. */
const nobody = 65534;

let machine: string;

/** Puts a program with that shell text on the machine. */
function program(name: string, body: string): void {
  const path = join(machine, 'bin', name);
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), 'machine-'));
  chmodSync(machine, 0o755);
  for (const folder of ['bin', 'clone', 'cache', 'tmp']) mkdirSync(join(machine, folder));
  for (const name of base.split(' ')) {
    const { stdout } = spawnSync('bash', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    symlinkSync(stdout.trim(), join(machine, 'bin', name));
  }
  cpSync(join(root, 'scripts'), join(machine, 'clone/scripts'), { recursive: true });
  writeFileSync(join(machine, 'clone/package-lock.json'), '{}');
  for (const name of ['mariadbd', 'mariadb-backup', 'mbstream', 'mariadb', 'zstd', 'age', 'temporal']) {
    program(name, 'exit 0');
  }
  program('node', 'echo v24.1.0');
  // Packs a Node that says v24.9.9, and makes a node_modules; each call leaves a line.
  program(
    'npm',
    `echo "npm $*" >>'${machine}/calls'
case $1 in
  pack) mkdir -p package/bin && printf '#!/bin/sh\\necho v24.9.9\\n' >package/bin/node && chmod 755 package/bin/node &&
        tar -czf node-24.9.9.tgz package && rm -r package ;;
  ci) rm -rf node_modules && mkdir -p node_modules/.bin ;;
esac`,
  );
});

afterEach(() => rmSync(machine, { recursive: true }));

/** The environment of a machine that has nothing but its own `bin`; sbin folders are added by the scripts. */
const environment = (): NodeJS.ProcessEnv => ({
  PATH: join(machine, 'bin'),
  HOME: machine,
  TMPDIR: join(machine, 'tmp'),
  TIDEMARK_CACHE: join(machine, 'cache'),
  TIDEMARK_TEST_RUN: process.env['TIDEMARK_TEST_RUN'],
});

function setup(...args: string[]): { status: number | null; said: string } {
  const { status, stderr } = spawnSync(join(machine, 'clone/scripts/setup'), args, {
    env: environment(),
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, said: stderr };
}

/** As somebody who is not root. */
function setupAsNobody(): { status: number | null; said: string } {
  const asRoot = process.getuid?.() === 0;
  if (asRoot) {
    for (const folder of ['clone', 'cache', 'tmp']) chownSync(join(machine, folder), nobody, nobody);
  }
  const { status, stderr } = spawnSync(join(machine, 'clone/scripts/setup'), [], {
    env: environment(),
    encoding: 'utf8',
    cwd: '/',
    ...(asRoot ? { uid: nobody, gid: nobody } : {}),
  });
  return { status, said: stderr };
}

const calls = (): string[] =>
  existsSync(join(machine, 'calls')) ? readFileSync(join(machine, 'calls'), 'utf8').trim().split('\n') : [];

test('a second setup finds everything done, calls nothing and, when quiet, says nothing', () => {
  expect(setup()).toMatchObject({ status: 0 });
  expect(calls()).toEqual(['npm ci --ignore-scripts --no-audit --no-fund']);
  expect(setup('--quiet')).toEqual({ status: 0, said: '' });
  expect(calls()).toHaveLength(1);
});

test('a machine with an older Node gets one in the cache, linked where npm scripts find it first', () => {
  program('node', 'echo v20.20.2');
  const { status, said } = setup();
  expect([status, said]).toEqual([0, expect.stringContaining('as the machine has v20.20.2')]);
  const link = join(machine, 'clone/node_modules/.bin/node');
  expect(readlinkSync(link)).toBe(join(machine, 'cache/node-24.9.9/bin/node'));
  expect(readdirSync(join(machine, 'cache')).sort()).toEqual(['node-24.9.9', 'setup.lock']);
  rmSync(link);
  expect(setup('--quiet')).toEqual({ status: 0, said: '' });
  expect(existsSync(link)).toBe(true);
});

test('packages are installed again when the lock file has changed, and when an installation was interrupted', () => {
  setup();
  writeFileSync(join(machine, 'clone/package-lock.json'), '{"changed":true}');
  setup();
  expect(calls()).toHaveLength(2);
  rmSync(join(machine, 'clone/node_modules/.tidemark-lock.json'));
  setup();
  expect(calls()).toHaveLength(3);
});

test('a step that fails ends the setup with its last lines and what to do, and is done again the next time', () => {
  const npm = readFileSync(join(machine, 'bin/npm'), 'utf8').replace('#!/bin/sh\n', '');
  program('npm', 'echo "npm error no room on the disk"; exit 28');
  const { status, said } = setup();
  expect(status).toBe(1);
  expect(said).toContain('✗ Installing the npm packages of package-lock.json failed.');
  expect(said).toContain('npm error no room on the disk');
  expect(said).toMatch(/What to do: .*npm ping/);
  program('npm', npm);
  expect(setup()).toMatchObject({ status: 0 });
});

test.each([
  ['apt-get', 'apt-get install mariadb-server mariadb-backup age'],
  ['dnf', 'dnf install mariadb-server mariadb-backup age'],
  ['brew', 'brew install age mariadb'],
  ['pacman', 'pacman -S age mariadb'],
  ['apk', 'apk add mariadb mariadb-backup age'],
])('without root, a system with %s is told to run: %s', (manager, command) => {
  for (const name of ['mariadbd', 'mariadb-backup', 'mbstream', 'age']) {
    rmSync(join(machine, 'bin', name));
  }
  // Whatever this machine has itself must not be found.
  const system = join(machine, 'clone/scripts/lib/common.sh');
  writeFileSync(system, readFileSync(system, 'utf8').replace(':/usr/local/sbin:/usr/sbin:/sbin', ''));
  program(manager, `echo called >>'${machine}/calls'`);
  const { status, said } = setupAsNobody();
  expect([status, said]).toEqual([1, expect.stringContaining(`run '${command}'`)]);
  expect(calls()).not.toContain('called');
});

/** The machine's own programs alone, and its own place for the policy; apt-get looks at the policy while it installs. */
function aptMachine(aptStatus: number): string {
  const policy = join(machine, 'policy-rc.d');
  const common = join(machine, 'clone/scripts/lib/common.sh');
  const system = join(machine, 'clone/scripts/lib/system.sh');
  writeFileSync(common, readFileSync(common, 'utf8').replace(':/usr/local/sbin:/usr/sbin:/sbin', ''));
  writeFileSync(system, readFileSync(system, 'utf8').replaceAll('/usr/sbin/policy-rc.d', policy));
  rmSync(join(machine, 'bin/age'));
  rmSync(join(machine, 'bin/mariadbd'));
  program('sudo', 'shift; exec "$@"');
  for (const name of ['dpkg', 'update-rc.d', 'systemctl']) program(name, 'exit 0');
  program('pgrep', 'exit 1');
  program(
    'apt-get',
    `for service in mariadb postgresql cron; do '${policy}' "$service" start; echo "$service $?" >>'${machine}/asked'; done
[ ${aptStatus} -ne 0 ] || for name in mariadbd age; do ln -sf /bin/true '${machine}/bin/'"$name"; done
exit ${aptStatus}`,
  );
  return policy;
}

test.each([0, 100])(
  'while packages are installed no database starts, and the policy is as before when apt-get ends with %s',
  (aptStatus) => {
    const policy = aptMachine(aptStatus);
    writeFileSync(policy, '#!/bin/sh\n[ "$1" = cron ] && exit 104\nexit 0\n', { mode: 0o755 });
    const before = readFileSync(policy, 'utf8');
    const { status, said } = setup();
    expect([status === 0, said]).toEqual([aptStatus === 0, expect.any(String)]);
    const asked = new Set(readFileSync(join(machine, 'asked'), 'utf8').trim().split('\n'));
    expect(asked).toEqual(new Set(['mariadb 101', 'postgresql 101', 'cron 104']));
    expect(readFileSync(policy, 'utf8')).toBe(before);
    expect(readdirSync(machine).filter((name) => name.startsWith('policy-rc.d'))).toEqual(['policy-rc.d']);
  },
);

test('a policy that a killed setup left behind is taken back by the next one', () => {
  const policy = aptMachine(0);
  setup();
  expect(existsSync(policy)).toBe(false);
  const mark = '# Written by the setup of Tidemark while it installs packages.';
  writeFileSync(policy, `#!/bin/sh\n${mark}\nexit 101\n`);
  writeFileSync(`${policy}.before-tidemark`, 'what was there');
  expect(setup()).toMatchObject({ status: 0 });
  expect(readFileSync(policy, 'utf8')).toBe('what was there');
});

test('two setups at once install once', async () => {
  const npm = readFileSync(join(machine, 'bin/npm'), 'utf8').replace('#!/bin/sh\n', '');
  program('npm', `sleep 1\n${npm}`);
  const both = await Promise.all(
    [1, 2].map(async () => {
      const child = spawn(join(machine, 'clone/scripts/setup'), ['--quiet'], {
        env: environment(),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
      return { said, code: child.exitCode };
    }),
  );
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(calls()).toHaveLength(1);
});
