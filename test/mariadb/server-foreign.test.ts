import { describe, expect, test } from '@jest/globals';
import { foreignAmong, isDatabase, matchesAny, type DirectoryEntry } from '../../mariadb/server/foreign.ts';

const file = (name: string): DirectoryEntry => ({ name, directory: false });
const directory = (name: string, ...files: string[]): DirectoryEntry => ({ name, directory: true, files });

describe('at the top of a data directory', () => {
  test.each([
    'ibdata1',
    'ib_logfile0',
    'ib_buffer_pool',
    'ibtmp1',
    'undo001',
    'aria_log_control',
    'aria_log.00000001',
    'multi-master.info',
    'master-east.info',
    'relay-log.info',
    'tc.log',
    'ddl_recovery.log',
    'ddl_recovery-backup.log',
    'mysql_upgrade_info',
    'mariadb_upgrade_info',
    'host-bin.000001',
    'host-bin.index',
    'host-bin.state',
    'host.err',
    'host.pid',
    '#sql-1.frm',
    'xtrabackup_info',
    'mariadb_backup_checkpoints',
    'backup-my.cnf',
    'grastate.dat',
    'core.123',
    'lost+found',
    '.tidemark',
  ])('%s belongs to the server or its tools', (name) => {
    expect(foreignAmong([file(name)], [])).toEqual([]);
  });

  test.each([
    'server-key.pem',
    'ca.pem',
    'debian-10.11.flag',
    'keyfile.enc',
    'ibdata1.old',
    'README',
    '.my.cnf',
    'backup.sql',
    'binary',
  ])('%s is foreign', (name) => {
    expect(foreignAmong([file(name)], [])).toEqual([name]);
  });

  test('what the options name is the server’s own', () => {
    const entries = ['slow.txt', 'archive.000001', 'archive.index', 'archives'].map(file);
    expect(foreignAmong(entries, ['slow.txt', 'archive.*'])).toEqual(['archives']);
  });

  test.each([
    [directory('shop', 'db.opt'), true],
    [directory('shop', 'orders.frm', 'orders.ibd'), true],
    [directory('shop', 'events#P#p0.ibd', 'notes.txt'), true],
    [directory('shop', 'notes.MYD'), true],
    [directory('empty'), false],
    [directory('haproxy', 'haproxy.cfg'), false],
    [directory('exports', 'orders.CSV', 'my.opt', 'disk.par'), false],
    [directory('#rocksdb', 'CURRENT'), true],
    [directory('certs', 'server.pem', 'server.key'), false],
    [directory('.ssh', 'known_hosts'), false],
    [directory('.cache'), false],
    [directory('scripts', 'nightly.sql'), false],
  ])('the directory %j is the server’s own: %s', (entry, own) => {
    expect(foreignAmong([entry], [])).toEqual(own ? [] : [entry.name]);
    if (!entry.name.startsWith('#')) expect(isDatabase(entry)).toBe(own);
  });

  test('a pattern is a name, or a beginning before a star, or an end after one', () => {
    expect(matchesAny('bin.000001', ['bin.*'])).toBe(true);
    expect(matchesAny('bin', ['bin.*'])).toBe(false);
    expect(matchesAny('binary', ['bin'])).toBe(false);
    expect(matchesAny('bin', ['bin'])).toBe(true);
    expect(matchesAny('host.err', ['*.err'])).toBe(true);
    expect(matchesAny('host.errors', ['*.err'])).toBe(false);
  });
});
