/** A sweep that is killed: `node killed-sweep.ts FOLDER N` ends itself with SIGKILL just before the Nth deletion. */
import process from 'node:process';
import { sweep } from '../../activities/control/retention.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { openDeployment } from './expired.ts';

const [folder = '', last = '1'] = process.argv.slice(2);
const deployment = await openDeployment(folder);
let deletions = 0;
const store: ObjectStore = {
  location: deployment.store.location,
  put: (key, body, signal) => deployment.store.put(key, body, signal),
  replace: (key, body, signal) => deployment.store.replace(key, body, signal),
  get: (key, range, signal, into) => deployment.store.get(key, range, signal, into),
  stat: (key) => deployment.store.stat(key),
  list: (prefix) => deployment.store.list(prefix),
  async delete(key) {
    deletions += 1;
    if (deletions === Number(last)) process.kill(process.pid, 'SIGKILL');
    await deployment.store.delete(key);
  },
};
await sweep({ ...deployment.plane, store }, Date.now(), new AbortController().signal);
await deployment.close();
