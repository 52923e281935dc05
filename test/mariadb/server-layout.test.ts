import { mkdir, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ServerSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';
import { foreignEntries, inspectLayout } from '../../mariadb/server/layout.ts';
import { isMountPoint } from '../../mariadb/server/mounts.ts';
import { readClientAccount, readServerOptions } from '../../mariadb/server/options.ts';
import { agentAccount, startTestServer, type TestServer } from '../support/mariadb.ts';
import { testAttempt } from '../support/attempts.ts';
import { testIf } from '../support/skip.ts';

const run = promisify(execFile);

/** The settings of a server that exists as an option file only. */
async function onPaper(...lines: string[]): Promise<{ folder: string; settings: ServerSettings }> {
  const { folder } = await testAttempt();
  const file = path.join(folder, 'my.cnf');
  const text = lines.join('\n').replaceAll('FOLDER', folder);
  await writeFile(file, `[mariadbd]\ndatadir=${folder}/data\n${text}\n`);
  return { folder, settings: { defaults_file: file } as ServerSettings };
}

const kinds = (layout: Layout): string[] => layout.members.map((member) => member.kind);

describe('the options of a server', () => {
  test('are read while it is down and has no data directory, and nothing is made by that', async () => {
    const { folder, settings } = await onPaper(
      'innodb-page-size=32k',
      'log-bin=archive',
      'skip-name-resolve',
    );
    const options = await readServerOptions(settings);
    expect(options.get('innodb_page_size')).toBe('32768');
    expect(options.get('log_bin')).toBe('archive');
    expect(options.get('skip_name_resolve')).toBe('TRUE');
    expect(options.get('innodb_undo_directory')).toBe('');
    expect(await readdir(folder)).toEqual(['my.cnf']);
  });

  test('are those of this moment, also when only a file in an included folder has changed', async () => {
    const { folder, settings } = await onPaper('!includedir FOLDER/conf.d');
    await mkdir(path.join(folder, 'conf.d'));
    const pageSize = async (): Promise<string | undefined> =>
      (await readServerOptions(settings)).get('innodb_page_size');
    expect(await pageSize()).toBe('16384');
    const included = path.join(folder, 'conf.d', 'pages.cnf');
    for (const size of ['32768', '65536']) {
      await writeFile(included, `[mariadbd]\ninnodb-page-size=${size}\n`);
      expect(await pageSize()).toBe(size);
    }
    await rm(included);
    expect(await pageSize()).toBe('16384');
  });

  test.each([
    [['log_bin'], true],
    [['log_basename=db1', 'log_bin'], true],
    [['log_basename=db1'], false],
    [['skip_log_bin'], false],
    [[], false],
  ])('with %j a binlog is kept: %s', async (lines, kept) => {
    const { settings } = await onPaper(...lines);
    expect((await readServerOptions(settings)).get('log_bin') !== '').toBe(kept);
  });

  test.each([
    ['an unknown option', 'no_such_option=1', 'no_such_option'],
    ['a folder that is not there', '!includedir /nowhere/conf.d', '/nowhere/conf.d'],
  ])('with %s are an invalid_setting that names it', async (_, line, name) => {
    const { settings } = await onPaper(line);
    const reading = readServerOptions(settings);
    await expect(reading).rejects.toMatchObject({ code: 'invalid_setting' });
    await expect(reading).rejects.toThrow(name);
  });

  test("have the agent's account in the client group, with whatever a password can hold", async () => {
    const { folder, settings } = await onPaper('socket=FOLDER/s');
    const client_file = path.join(folder, 'client.cnf');
    await writeFile(client_file, '[client]\nuser="a b"\npassword="x\\"y\\\\z #=;"\nport=3307\n');
    expect(await readClientAccount({ ...settings, client_file })).toEqual({
      user: 'a b',
      password: 'x"y\\z #=;',
      socket: path.join(folder, 's'),
      host: '',
      port: 3307,
    });
  });
});

describe('a layout', () => {
  test('of a plain server is its data directory', async () => {
    const { folder, settings } = await onPaper('log_bin=bin', 'lower_case_table_names=1');
    expect(await inspectLayout(settings)).toEqual({
      members: [{ kind: 'data', directory: path.join(folder, 'data'), mountPoint: false, files: [] }],
      innodbDataFiles: ['ibdata1:12M:autoextend'],
      innodbPageSize: 16384,
      lowerCaseTableNames: 1,
      binlogBasename: 'bin',
      obstacles: [],
    });
  });

  test('has each kind of files that lies elsewhere, with the names they have there', async () => {
    const { folder, settings } = await onPaper(
      'innodb_data_home_dir=FOLDER/a',
      'innodb_data_file_path=sys1:10M;sys2:10M:autoextend',
      'innodb_log_group_home_dir=FOLDER/b',
      'innodb_undo_directory=FOLDER/c',
      'aria_log_dir_path=FOLDER/d',
      'log_bin=FOLDER/e/binlog',
      'relay_log=FOLDER/f/relay',
    );
    const layout = await inspectLayout(settings);
    const found = layout.members
      .slice(1)
      .map(({ kind, directory, files }) => [kind, path.relative(folder, directory), files]);
    expect(found).toEqual([
      ['innodb', 'a', ['sys1', 'sys2', 'ib_buffer_pool*', 'ibtmp*']],
      ['redo', 'b', ['ib_logfile*']],
      ['undo', 'c', ['undo*']],
      ['aria', 'd', ['aria_log*']],
      ['binlog', 'e', ['binlog.*']],
      ['relaylog', 'f', ['relay.*', 'relay-*']],
    ]);
    expect(layout.innodbDataFiles).toEqual(['sys1:10M', 'sys2:10M:autoextend']);
    expect(layout.obstacles).toEqual([]);
  });

  test('is followed through symbolic links, as far as there is something', async () => {
    const { folder, settings } = await onPaper('log_bin=FOLDER/link/to/bin');
    await mkdir(path.join(folder, 'real'));
    await symlink('real', path.join(folder, 'link'));
    await symlink('real', path.join(folder, 'data'));
    const layout = await inspectLayout(settings);
    expect(layout.members.map((member) => path.relative(folder, member.directory))).toEqual([
      'real',
      'real/to',
    ]);
  });

  test('does not list what is written as another path to the data directory', async () => {
    const { settings } = await onPaper('innodb_log_group_home_dir=FOLDER/data/.', 'innodb_undo_directory=./');
    expect(kinds(await inspectLayout(settings))).toEqual(['data']);
  });

  test.each([
    ['innodb_data_file_path=/dev/sdb1:10Graw', 'raw device'],
    ['innodb_data_home_dir=\ninnodb_data_file_path=/srv/ibdata1:12M:autoextend', 'innodb_data_home_dir'],
    ['log_bin=FOLDER/logs/bin\nlog_bin_index=FOLDER/other/bin.index', 'log_bin_index'],
    ['innodb_undo_directory=FOLDER/data/undo', 'inside the data directory'],
    ['log_bin=binlogs/bin', 'inside the data directory'],
  ])('with %j has an obstacle', async (lines, reason) => {
    const { settings } = await onPaper(lines);
    const { obstacles } = await inspectLayout(settings);
    expect(obstacles).toEqual([expect.stringContaining(reason)]);
  });

  test('with files that a rename would not take along has an obstacle for each', async () => {
    const { folder, settings } = await onPaper();
    const data = path.join(folder, 'data');
    await mkdir(path.join(data, 'shop'), { recursive: true });
    await mkdir(path.join(data, 'certs'));
    await mkdir(path.join(folder, 'elsewhere'));
    await writeFile(path.join(data, 'shop', 'db.opt'), '');
    await writeFile(path.join(data, 'shop', 'orders.isl'), '/srv/orders.ibd');
    await symlink('/srv/notes.MYD', path.join(data, 'shop', 'notes.MYD'));
    await symlink('../elsewhere', path.join(data, 'moved'));
    // Neither of the server's: these are carried over as they are.
    await symlink('/etc/ssl/ca.pem', path.join(data, 'ca.pem'));
    await symlink('/etc/ssl/ca.pem', path.join(data, 'certs', 'ca.pem'));
    const { obstacles } = await inspectLayout(settings);
    expect(obstacles.map((text) => path.relative(data, text.split(' ')[0] ?? '')).sort()).toEqual([
      'moved',
      'shop/notes.MYD',
      'shop/orders.isl',
    ]);
  });

  testIf(process.getuid?.() === 0, 'mounting needs root')(
    'knows mount points, bind mounts among them, and has an obstacle for one inside the data directory',
    async () => {
      const { folder, settings } = await onPaper('innodb_undo_directory=FOLDER/undo');
      const data = path.join(folder, 'data');
      const inner = path.join(data, 'shop');
      const undo = path.join(folder, 'undo');
      await mkdir(inner, { recursive: true });
      await mkdir(undo);
      const mounted: string[] = [];
      const mount = async (target: string, ...args: string[]): Promise<void> => {
        await run('mount', [...args, target]);
        mounted.unshift(target);
      };
      try {
        expect(await isMountPoint(data)).toBe(false);
        await mount(data, '-t', 'tmpfs', 'tmpfs');
        await mount(undo, '--bind', folder);
        await mkdir(inner);
        await mount(inner, '-t', 'tmpfs', 'tmpfs');
        const layout = await inspectLayout(settings);
        expect(layout.members.map((member) => [member.kind, member.mountPoint])).toEqual([
          ['data', true],
          ['undo', true],
        ]);
        expect(layout.obstacles).toEqual([
          expect.stringContaining('is a mount point inside the data directory'),
        ]);
      } finally {
        for (const target of mounted) await run('umount', [target]);
      }
    },
  );
});

describe('of a running server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      name: 'layout',
      layout: { innodb: true, redo: true, undo: true, aria: true, binlog: true },
    });
    await server.loadSample({ rows: 20 });
  });
  afterAll(() => server.remove());
  afterEach(() => rm(path.join(server.dataDirectory, 'certs'), { recursive: true, force: true }));

  test('every file lies where the layout says', async () => {
    const layout = await inspectLayout(server.settings);
    expect(kinds(layout)).toEqual(['data', 'innodb', 'redo', 'undo', 'aria', 'binlog']);
    expect(layout.obstacles).toEqual([]);
    const names = async (kind: string): Promise<string[]> =>
      readdir(layout.members.find((member) => member.kind === kind)?.directory ?? '');
    expect(await names('innodb')).toContain('ibdata1');
    expect(await names('redo')).toContain('ib_logfile0');
    expect(await names('aria')).toContain('aria_log_control');
    expect(await names('binlog')).toContain('bin.000001');
    expect(await names('data')).not.toContain('ibdata1');
  });

  test('nothing that it made itself is foreign; what others put there is', async () => {
    const layout = await inspectLayout(server.settings);
    expect(await foreignEntries(server.settings, layout)).toEqual([]);
    await mkdir(path.join(server.dataDirectory, 'certs'));
    await writeFile(path.join(server.dataDirectory, 'certs', 'server.pem'), '');
    expect(await foreignEntries(server.settings, layout)).toEqual(['certs']);
  });

  test('reading its options disturbs it in nothing', async () => {
    const times = async (): Promise<unknown[]> => {
      const names = (await readdir(server.dataDirectory)).sort();
      return Promise.all(
        names.map(async (name) => [name, (await stat(path.join(server.dataDirectory, name))).mtimeMs]),
      );
    };
    const before = await times();
    await readServerOptions(server.settings);
    expect(await times()).toEqual(before);
    expect(await server.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a data directory that is gone has no foreign entries, and a layout all the same', async () => {
    const aside = `${server.dataDirectory}.aside`;
    await server.stop();
    await rename(server.dataDirectory, aside);
    try {
      const layout = await inspectLayout(server.settings);
      expect(layout.members[0]?.directory).toBe(server.dataDirectory);
      expect(await foreignEntries(server.settings, layout)).toEqual([]);
    } finally {
      await rename(aside, server.dataDirectory);
      await server.start();
    }
  });

  test("the agent's own account is let in", async () => {
    expect(await readClientAccount(server.settings)).toMatchObject(agentAccount);
  });
});
