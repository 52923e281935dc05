/** The follower on real servers: after whatever happens, the archive is event for event the server's binlog. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { expectSame, headersOf } from '../support/archived.ts';
import { archived, archiveOf, type Following, type Place } from '../support/follower.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/mariadb.ts';

let server: TestServer;
let place: Place;
let following: Following;

async function begin(options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer({ name: 'follow', ...options });
  place = await archiveOf(server);
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t LONGBLOB)');
}

afterEach(async () => {
  await following.stop();
  await server.remove();
});

async function write(rows: number): Promise<void> {
  for (let row = 0; row < rows; row += 1) await server.query('INSERT INTO shop.t (t) VALUES (UUID())');
}

test('what is written is archived while it is followed, file after file', async () => {
  await begin();
  following = place.follow();
  await write(20);
  const first = await archived(following);
  expect(first).toMatchObject({ trouble: '', archived: { file: 'bin.000001' } });
  await server.query('FLUSH BINARY LOGS');
  await write(20);
  await archived(following);
  expect(await expectSame(server, place.archive, first.timeline)).toEqual(['bin.000001', 'bin.000002']);
});

void describe;
void headersOf;
