/** What clients of a server meet while it is restored: one that asks it again and again which data it serves. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestServer } from './mariadb.ts';

const pauseMs = 40;

type Served = 'old' | 'new' | 'nothing';

export class Probe {
  /** Each time that the answer was another one; the host's clock. */
  readonly changes: { at: number; served: Served }[] = [];
  #asking = true;
  readonly #done: Promise<void>;

  /** @param oldOnly `database.table` that the new data does not have */
  constructor(server: TestServer, oldOnly: string) {
    this.#done = this.#ask(server, oldOnly);
  }

  async end(): Promise<void> {
    this.#asking = false;
    await this.#done;
  }

  /** For how long at a time nothing answered at most, in milliseconds. */
  get longestOutageMs(): number {
    const outages = this.changes.map(({ at, served }, index) =>
      served === 'nothing' ? (this.changes[index + 1]?.at ?? Date.now()) - at : 0,
    );
    return Math.max(0, ...outages);
  }

  /** When the new data was served first. */
  get firstNew(): number | undefined {
    return this.changes.find(({ served }) => served === 'new')?.at;
  }

  async #ask(server: TestServer, oldOnly: string): Promise<void> {
    const [database, table] = oldOnly.split('.');
    while (this.#asking) {
      const at = Date.now();
      const served = await server
        .query<{ n: number }>(
          'SELECT COUNT(*) AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
          [database, table],
        )
        .then(
          ([row]): Served => (row?.n === 1 ? 'old' : 'new'),
          (): Served => 'nothing',
        );
      // What answered late has served only then.
      if (this.changes.at(-1)?.served !== served)
        this.changes.push({ at: served === 'nothing' ? at : Date.now(), served });
      await sleep(pauseMs);
    }
  }
}
