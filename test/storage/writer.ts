/** A program that puts large objects until it is killed, and says which are stored: `node writer.ts LOCATION PREFIX` */
import { openStore } from '../../storage/open.ts';

const [location = '', prefix = ''] = process.argv.slice(2);
const store = await openStore(location);
let next = 0;

async function putForEver(): Promise<never> {
  for (;;) {
    const index = next++;
    const key = `${prefix}/${index}`;
    await store.put(key, Buffer.alloc(2_000_000, index % 256));
    process.stdout.write(`${key}\n`);
  }
}

await Promise.all([putForEver(), putForEver(), putForEver()]);
