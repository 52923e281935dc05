/** Archives that others made: each form by the real tools, and each that is bad in its own way. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { Unpacked } from '../../mariadb/foreign/unpacked.ts';
import { shell, unpackFile } from '../support/foreign.ts';
import { processesOfRun, type RunProcess } from '../support/leftovers.ts';
import { runFolder } from '../support/run.ts';

let folder: string;
let identity: string;
const passphrase = 'a pass phrase with "quotes" and ümlauts';
const fileOf = (name: string): string => path.join(folder, name);

/** What a backup looks like as files: large, small, empty, in folders, with a long name. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(runFolder(), 'foreign-'));
  await mkdir(fileOf('src/shop/deep'), { recursive: true });
  await writeFile(fileOf('src/ibdata1'), randomBytes(700_001));
  await writeFile(fileOf('src/shop/a.frm'), 'hello');
  await writeFile(fileOf('src/shop/empty'), '');
  await writeFile(fileOf(`src/shop/deep/${'long'.repeat(23)}.ibd`), randomBytes(513));
  await shell(folder, 'age-keygen -o id 2>/dev/null; tar cf b.tar -C src .; gzip -k b.tar; zstd -q b.tar');
  await shell(folder, 'cd src; mbstream -c $(find . -type f | sed "s#^./##") > ../b.xb');
  await shell(folder, 'gzip -k b.xb; zstd -q b.xb');
  identity = /AGE-SECRET-KEY-\S+/.exec(await readFile(fileOf('id'), 'utf8'))?.[0] ?? '';
  await writeFile(fileOf('pass'), passphrase);
});

const archives: [name: string, made: string, key: 'none' | 'passphrase' | 'identity', form: string][] = [
  ['b.tar', '', 'none', 'a tar archive'],
  ['b.tar.gz', '', 'none', 'a tar archive, compressed by gzip'],
  ['b.tar.zst', '', 'none', 'a tar archive, compressed by zstd'],
  ['b.xb', '', 'none', 'an xbstream'],
  ['b.xb.gz', '', 'none', 'an xbstream, compressed by gzip'],
  ['b.xb.zst', '', 'none', 'an xbstream, compressed by zstd'],
  ['posix.tar', 'tar cf posix.tar --format=posix -C src .', 'none', 'a tar archive'],
  ['ustar.tar', 'tar cf ustar.tar --format=ustar -C src .', 'none', 'a tar archive'],
  [
    'pieces.zst',
    'split -b 100000 b.tar p. && for f in p.*; do zstd -qc $f; done > pieces.zst',
    'none',
    'a tar archive, compressed by zstd',
  ],
  [
    'pieces.gz',
    'split -b 100000 b.tar p. && for f in p.*; do gzip -c $f; done > pieces.gz',
    'none',
    'a tar archive, compressed by gzip',
  ],
  [
    'enc',
    'openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -in b.tar.gz -out enc',
    'passphrase',
    'a tar archive, compressed by gzip, encrypted by openssl',
  ],
  [
    'packed-after.zst',
    'openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -in b.xb | zstd -q > packed-after.zst',
    'passphrase',
    'an xbstream, encrypted by openssl, compressed by zstd',
  ],
  [
    'b.age',
    'age -r $(age-keygen -y id) -o b.age b.xb.zst',
    'identity',
    'an xbstream, compressed by zstd, encrypted by age',
  ],
  [
    'two.age',
    'age -r $(age-keygen 2>/dev/null | age-keygen -y) -r $(age-keygen -y id) -o two.age b.tar',
    'identity',
    'a tar archive, encrypted by age',
  ],
  [
    'letters.age',
    'age -a -r $(age-keygen -y id) -o letters.age b.tar',
    'identity',
    'a tar archive, encrypted by age, in letters',
  ],
];

test.each(archives)('%s comes out as it went in', async (name, made, key, form) => {
  if (made !== '') await shell(folder, made);
  const opened = await unpackFile(fileOf(name), { none: undefined, passphrase, identity }[key]);
  expect(opened.form).toBe(form);
  await shell(folder, `diff -r src ${opened.directory}`);
});

/** A tar archive with the file `a.frm` in it, which says hello: by `age -p`, which asks a terminal. */
const byPassphrase =
  'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBFUjNtNjBMWE45bkJmbmpKOUtHZUJRIDE4Cm1KK05WUW5zR3' +
  'oyZnRaWVNyOHk5aklqK25ZeXBzVTFGKzl1Y1lTa0hrRkkKLS0tIEtWbFRzZnJEWVJuUFF1a2t4dE1VcE5jdi9wekRn' +
  'dVExSnd0b2hjaEdRT0UKKgoi+wXwI/N28Uz7HDg/MATnfwr0ef7YwDVd7LzGPcUaK3/v31Usg5PUdcDaNgLKh0y7J4' +
  'JmGbx56XXSFazmrxVvzq9gw4jH4brDdLrtsCupg+7HOQIz2EsyGzN8x69uIAdBZqaf3wcxSWky/BABit7+u3EgsgJD' +
  'IC2ydqnRow7yViX10VJvmYAMnRH/BAnNlu9GtBBuAGUYXUCc5y3s4VqM4Y8nbWjHKw==';

test('what age encrypted with a passphrase opens with that one alone', async () => {
  await writeFile(fileOf('phrase.age'), Buffer.from(byPassphrase, 'base64'));
  const { directory, form } = await unpackFile(fileOf('phrase.age'), 'a pass phrase\n');
  expect(form).toBe('a tar archive, compressed by gzip, encrypted by age');
  expect(await readFile(path.join(directory, 'a.frm'), 'utf8')).toBe('hello\n');
  for (const key of ['another', identity]) {
    await expect(unpackFile(fileOf('phrase.age'), key)).rejects.toMatchObject({
      code: 'source_key_wrong',
      message: expect.stringContaining('the passphrase'),
    });
  }
});

/** The programs of this process that unpack; another suite may run its own. */
function ownDecoders(): RunProcess[] {
  return processesOfRun(runFolder()).filter(
    ({ parent, command }) => parent === process.pid && command.includes('zstd'),
  );
}

describe('what is bad', () => {
  const cut = (name: string, bytes: number): string => `head -c ${bytes} ${name} > bad`;
  const bad: [what: string, made: string, code: string, key?: 'passphrase' | 'identity' | 'another'][] = [
    ['a tar archive cut in a file', cut('b.tar', 300_000), 'source_damaged'],
    [
      'a tar archive cut at a block between two files',
      'tar tvRf b.tar >/dev/null; head -c $(( $(tar tRf b.tar | sed -n "s/^block \\([0-9]*\\):.*/\\1/p" | tail -1) * 512 )) b.tar > bad',
      'source_damaged',
    ],
    [
      'a tar archive with a damaged header',
      'cp b.tar bad; printf XX | dd of=bad bs=1 seek=3 conv=notrunc status=none',
      'source_no_backup',
    ],
    [
      'a tar archive in which the header of a file is zeros',
      'cp b.tar bad; at=$(tar tRf b.tar | grep ibdata1 | sed "s/^block \\([0-9]*\\):.*/\\1/"); ' +
        'dd if=/dev/zero of=bad bs=512 seek=$at count=1 conv=notrunc status=none',
      'source_damaged',
    ],
    [
      'a tar archive with two zeroed blocks in it',
      'cp b.tar bad; at=$(tar tRf b.tar | grep ibdata1 | sed "s/^block \\([0-9]*\\):.*/\\1/"); ' +
        'dd if=/dev/zero of=bad bs=512 seek=$at count=2 conv=notrunc status=none',
      'source_damaged',
    ],
    ['two tar archives in one file', 'cat b.tar b.tar > bad', 'source_damaged'],
    [
      'a tar archive cut between the two blocks of its end',
      'tar cf bad --record-size=512 -C src ibdata1; truncate -s -512 bad',
      'source_damaged',
    ],
    ['a file of gzip that is cut', cut('b.tar.gz', 300_000), 'source_damaged'],
    [
      'a file of gzip with a changed byte',
      'cp b.tar.gz bad; printf XXXX | dd of=bad bs=1 seek=300000 conv=notrunc status=none',
      'source_damaged',
    ],
    ['a file of zstd that is cut', cut('b.tar.zst', 300_000), 'source_damaged'],
    [
      'a file of zstd with a changed byte',
      'cp b.tar.zst bad; printf XXXX | dd of=bad bs=1 seek=300000 conv=notrunc status=none',
      'source_damaged',
    ],
    ['an xbstream cut in a chunk', cut('b.xb', 300_000), 'source_damaged'],
    [
      'an xbstream with a changed byte',
      'cp b.xb bad; printf XXXX | dd of=bad bs=1 seek=300000 conv=notrunc status=none',
      'source_damaged',
    ],
    [
      'one encrypted by openssl, and cut',
      'openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -in b.tar -out whole; head -c 300000 whole > bad',
      'source_damaged',
      'passphrase',
    ],
    [
      'one encrypted by age, and cut',
      'age -r $(age-keygen -y id) -o whole b.tar; head -c 300000 whole > bad',
      'source_damaged',
      'identity',
    ],
    [
      'one encrypted by age, and cut between two chunks',
      'age -r $(age-keygen -y id) b.tar > whole; head -c $(( $(grep -abo -m1 "^--- " whole | cut -d: -f1) + 48 + 16 + 3*65552 )) whole > bad',
      'source_damaged',
      'identity',
    ],
    [
      'one encrypted by age, and changed',
      'age -r $(age-keygen -y id) b.tar > bad; printf XXXX | dd of=bad bs=1 seek=300000 conv=notrunc status=none',
      'source_damaged',
      'identity',
    ],
    [
      'one encrypted by openssl, with another key',
      'openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -in b.tar.gz -out bad',
      'source_key_wrong',
      'another',
    ],
    [
      'a short one encrypted by openssl, with another key',
      'tar c id | gzip | openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -out bad',
      'source_key_wrong',
      'another',
    ],
    [
      'one encrypted by openssl, without a key',
      'openssl enc -aes-256-cbc -pbkdf2 -pass file:pass -in b.tar.gz -out bad',
      'source_key_wrong',
    ],
    [
      'one encrypted by age, with a passphrase in place of an identity',
      'age -r $(age-keygen -y id) -o bad b.tar',
      'source_key_wrong',
      'another',
    ],
    [
      'one encrypted by age for another',
      'age -r $(age-keygen 2>/dev/null | age-keygen -y) -o bad b.tar',
      'source_key_wrong',
      'identity',
    ],
    ['a link out of the folder', 'mkdir -p ln; ln -s /etc/passwd ln/link; tar cf bad ln', 'source_unsafe'],
    ['a second name of a file', 'mkdir -p hl; echo a > hl/a; ln hl/a hl/b; tar cf bad hl', 'source_unsafe'],
    ['a pipe', 'mkdir -p ff; mkfifo ff/pipe; tar cf bad ff', 'source_unsafe'],
    ['a path that leads out', 'tar cPf bad --transform="s#^src/shop#../../shop#" src', 'source_unsafe'],
    ['an absolute path', 'tar cPf bad $PWD/src', 'source_unsafe'],
    ['a file twice', 'tar cf bad -C src ibdata1; tar rf bad -C src ibdata1', 'source_unsafe'],
    [
      'a table that lies elsewhere',
      'mkdir -p isl; echo /var/lib/mysql/shop/a.ibd > isl/a.isl; tar cf bad isl',
      'source_unsafe',
    ],
    ['files with holes', 'mkdir -p sp; truncate -s 2M sp/holes; tar cSf bad sp', 'source_no_backup'],
    ['another thing', 'head -c 100000 /dev/urandom > bad', 'source_no_backup'],
    ['nothing', ': > bad', 'source_no_backup'],
    ['another compression', 'bzip2 -c b.tar > bad', 'source_no_backup'],
    [
      'a compression of a compression of …',
      'cp b.tar bad; for i in 1 2 3 4 5 6; do gzip -c bad > more; mv more bad; done',
      'source_no_backup',
    ],
  ];

  test.each(bad.map(([what, made, code, key]) => ({ what, made, code, key })))(
    '$what: $code',
    async ({ made, code, key }) => {
      await shell(folder, made);
      const keys = { passphrase, identity, another: 'another key' };
      const failure = await unpackFile(fileOf('bad'), key && keys[key]).then(
        ({ form }) => new Error(`unpacked as ${form}`),
        (error: Error) => error,
      );
      expect(failure).toMatchObject({ code });
      for (const secret of [passphrase, identity]) expect(failure.message).not.toContain(secret);
      // What it would have reached is outside of where it was unpacked.
      expect(readdirSync(runFolder()).filter((name) => name === 'shop')).toEqual([]);
      expect(ownDecoders()).toEqual([]);
    },
  );

  test('many files of the tools are several backups, and take no memory', async () => {
    await shell(
      folder,
      'mkdir -p many; for i in $(seq 70); do mkdir many/$i; echo x > many/$i/xtrabackup_info; done; tar cf many.tar many',
    );
    await expect(unpackFile(fileOf('many.tar'))).rejects.toMatchObject({
      code: 'source_no_backup',
      message: expect.stringContaining('several backups'),
    });
  });

  test('of a file of the tools no more is kept than it ever has', async () => {
    await shell(
      folder,
      'mkdir -p long; head -c 300000 < <(yes a=b) > long/xtrabackup_info; tar cf long.tar long',
    );
    const { into } = await unpackFile(fileOf('long.tar'));
    expect(into.notes.get('long/xtrabackup_info')).toBe('a=b\n'.repeat(16_384));
  });

  test('names that come to very much are refused', async () => {
    const into = new Unpacked({ mostBytes: 1, keepFree: 0 });
    const name = (at: number): string => [String(at), ...Array<string>(4).fill('x'.repeat(240))].join('/');
    const enter = async (): Promise<void> => {
      for (let at = 0; at < 200_000; at += 1) await (await into.create(name(at))).close();
    };
    await expect(enter()).rejects.toMatchObject({ code: 'source_too_large' });
  });

  test('a bomb is stopped where the limit is, and without a limit where the room ends', async () => {
    await shell(folder, 'mkdir -p bomb; truncate -s 100M bomb/zeros; tar c bomb | zstd -q > bomb.zst');
    const limited = unpackFile(fileOf('bomb.zst'), undefined, { mostBytes: 10_000_000 });
    await expect(limited).rejects.toMatchObject({ code: 'source_too_large' });
    const full = unpackFile(fileOf('bomb.zst'), undefined, { keepFree: Number.MAX_SAFE_INTEGER });
    await expect(full).rejects.toMatchObject({ code: 'source_too_large' });
    expect(ownDecoders()).toEqual([]);
  });
});

describe('an xbstream', () => {
  const chunk = (kind: string, name: string, rest: Buffer = Buffer.alloc(0)): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(name));
    return Buffer.concat([Buffer.from(`XBSTCK01\0${kind}`), length, Buffer.from(name), rest]);
  };
  const number = (value: number): Buffer => {
    const field = Buffer.alloc(8);
    field.writeBigUInt64LE(BigInt(value));
    return field;
  };
  const payload = (name: string, text: string, place = 0): Buffer => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(text));
    return chunk('P', name, Buffer.concat([number(text.length), number(place), sum, Buffer.from(text)]));
  };
  const name = (text: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  const unpack = async (...chunks: Buffer[]): Promise<string> => {
    await writeFile(fileOf('made.xb'), Buffer.concat(chunks));
    const { directory } = await unpackFile(fileOf('made.xb'));
    return await shell(directory, 'find . -type f | sort | while read f; do echo "$f=$(cat $f)"; done');
  };

  test('its files come in chunks that are mixed, and the first page of one may come last', async () => {
    const seek = chunk('S', 'b', number(1));
    const chunks = [payload('a', '12'), payload('b', 'xyz'), payload('a', '34', 2), chunk('E', 'a'), seek];
    expect(await unpack(...chunks, payload('b', 'Y', 1), chunk('E', 'b'))).toBe('./a=1234\n./b=xYz\n');
  });

  test('tables that were renamed and dropped meanwhile are so', async () => {
    const closed = (of: string): Buffer[] => [payload(of, of), chunk('E', of)];
    const rename = chunk('R', 'd/a', name('e/b'));
    expect(await unpack(...closed('d/a'), ...closed('d/c'), rename, chunk('D', 'd/c'))).toBe('./e/b=d/a\n');
  });

  test.each([
    ['ends between two chunks', [payload('a', '12')], 'source_damaged'],
    ['has a chunk at another place', [payload('a', '12'), payload('a', '3', 5)], 'source_damaged'],
    ['has a chunk of an unknown kind', [chunk('Q', 'a')], 'source_damaged'],
    ['names a path that leads out', [payload('../a', '12'), chunk('E', '../a')], 'source_unsafe'],
    ['names an absolute path', [payload('/tmp/a', '12')], 'source_unsafe'],
    [
      'renames what leads out',
      [payload('a', '1'), chunk('E', 'a'), chunk('R', 'a', name('../a'))],
      'source_unsafe',
    ],
    ['removes what leads out', [chunk('D', '../../a')], 'source_unsafe'],
    ['renames what it never had', [chunk('R', 'ibdata1', name('b'))], 'source_unsafe'],
  ])('is refused that %s', async (_what, chunks, code) => {
    await expect(unpack(...chunks)).rejects.toMatchObject({ code });
  });
});

test('marks of an earlier restore in an archive are passed over', async () => {
  await shell(
    folder,
    'mkdir -p m/.tidemark; echo x > m/.tidemark/laying-out; echo x > m/tidemark_loaded; echo y > m/kept; tar cf m.tar -C m .',
  );
  const { directory } = await unpackFile(fileOf('m.tar'));
  expect(readdirSync(directory)).toEqual(['kept']);
});
