/** Both databases for a suite: the same tests run on each, over a catalog that is new and migrated. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { sharedPostgres, type TestDatabases } from '../support/postgres.ts';

type Kind = 'SQLite' | 'PostgreSQL';

/** The database of one suite. Its properties are there from `beforeAll` on. */
export class SuiteDatabase {
  readonly kind: Kind;
  #folder = '';
  #server: TestDatabases | undefined;
  #location = '';
  #catalog: Catalog | undefined;
  readonly #opened: Catalog[] = [];
  #files = 0;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  async begin(): Promise<void> {
    if (this.kind === 'SQLite') this.#folder = mkdtempSync(join(tmpdir(), 'catalog-'));
    else this.#server = await sharedPostgres();
    this.#location = await this.newLocation();
    this.#catalog = await this.open(this.#location);
    await this.#catalog.migrate();
  }

  async end(): Promise<void> {
    for (const catalog of this.#opened) await catalog.close();
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  }

  get catalog(): Catalog {
    if (!this.#catalog) throw new Error('the suite has not begun');
    return this.#catalog;
  }

  /** Where the suite's catalog is, to open it a second time. */
  get location(): string {
    return this.#location;
  }

  /** PostgreSQL's server, which other suites use, too. */
  get server(): TestDatabases {
    if (!this.#server) throw new Error('there is no server');
    return this.#server;
  }

  /** Where an empty database is. */
  async newLocation(): Promise<string> {
    if (this.#server) return await this.#server.createDatabase();
    this.#files += 1;
    return `sqlite://${this.#folder}/some where/${this.#files}.db`;
  }

  /** Opens a catalog that is closed at the end of the suite. */
  async open(location: string): Promise<Catalog> {
    const catalog = await openCatalog(location, this.#server ? { password: this.#server.password } : {});
    this.#opened.push(catalog);
    return catalog;
  }
}

/** Declares the same tests for SQLite and for PostgreSQL. */
export function describeOnBoth(subject: string, tests: (database: SuiteDatabase) => void): void {
  describe.each<Kind>(['SQLite', 'PostgreSQL'])(`${subject} on %s`, (kind) => {
    const database = new SuiteDatabase(kind);
    beforeAll(async () => await database.begin());
    afterAll(async () => await database.end());
    tests(database);
  });
}
