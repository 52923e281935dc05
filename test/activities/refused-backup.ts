/**
 * A backup into a store that refuses to be written to while the server is slow to answer: `node refused-backup.ts FOLDER`
 * says `alive` once the refusal has come, and the activity's own error once the server has hung up.
 */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { backupActivities } from '../../activities/host/backup.ts';
import { noEncryption } from '../../domain/encryption.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { formatBackupId } from '../../domain/ids.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { runActivity } from '../support/activity.ts';
import { markedFor, openHost } from '../support/host.ts';

const [folder = ''] = process.argv.slice(2);
const socket = path.join(folder, 's');
const optionFile = path.join(folder, 'my.cnf');
const data = path.join(folder, 'data');
await mkdir(data);
await writeFile(
  optionFile,
  `[mysqld]\ndatadir=${data}\nsocket=${socket}\n[client]\nuser=x\npassword=y\nsocket=${socket}\n`,
);
const connections: net.Socket[] = [];
const server = net.createServer((connection) => connections.push(connection));
await once(server.listen(socket), 'listening');

const location = pathToFileURL(path.join(folder, 'store')).href;
const real = await markedFor('a-deployment', await openStore(location));
const refused = Promise.withResolvers<undefined>();
const store: ObjectStore = {
  location: real.location,
  put: () => {
    refused.resolve(undefined);
    return Promise.reject(new TidemarkError('storage_forbidden', 'The store refuses to be written to.'));
  },
  replace: (key, body, signal) => real.replace(key, body, signal),
  get: (key, range, signal, into) => real.get(key, range, signal, into),
  stat: (key) => real.stat(key),
  list: (prefix) => real.list(prefix),
  delete: (key) => real.delete(key),
};
const host = await openHost(
  {
    service_id: 'db-1',
    state_directory: path.join(folder, 'state'),
    storage: location,
    server: { defaults_file: optionFile },
  },
  store,
);
const backupId = formatBackupId({ hex: 'a'.repeat(32), serviceId: 'db-1', serverName: 'db-1' });
const order = {
  backupId,
  serviceId: 'db-1',
  workflowId: 'backup/db-1/1',
  deploymentId: 'a-deployment',
  encryption: noEncryption,
};
const { result } = runActivity(() => backupActivities(host).takeBackup(order));
result.catch(() => undefined);
await refused.promise;
// What nobody handles ends the process before the next timer.
await new Promise((resolve) => setTimeout(resolve, 200));
process.stdout.write('alive\n');
for (const connection of connections) connection.destroy();
server.close();
server.on('connection', (connection: net.Socket) => connection.destroy());
process.stdout.write(`${await result.then(() => 'done', messageOf)}\n`);
process.exit(0);
