/**
 * What a statement does and to which tables: its first words and the names of tables, and nothing else of it, because
 * statements hold data and passwords. No parser of SQL: where a statement cannot be read for certain, that is said.
 */
import { objects } from './statement-objects.ts';
import { type Token, Tokens } from './tokens.ts';

export interface StatementFacts {
  /** Its first words in capitals, such as `INSERT` or `DROP TABLE`. */
  verb: string;
  /** `database.table`, or `database.*` of one that is made, changed or dropped as a whole. */
  tables: string[];
  /** Whether these are all tables that it names as its own. */
  known: boolean;
}

/** Further than that no keyword is looked for. */
const farthest = 2_000;
/** The longest name that MariaDB takes. */
const longestName = 64;

/**
 * @param database in use
 * @param cut whether there is more of the statement
 * @example readStatement('DROP TABLE IF EXISTS `orders`', 'shop') // { verb: 'DROP TABLE', tables: ['shop.orders'], known: true }
 */
export function readStatement(statement: string, database: string, cut = false): StatementFacts {
  const tokens = new Tokens(statement);
  const facts = new Reading(tokens, database).read();
  return cut && tokens.ended ? { ...facts, known: false } : facts;
}

class Reading {
  readonly #tokens: Tokens;
  readonly #database: string;
  readonly #tables: string[] = [];
  #known = true;

  constructor(tokens: Tokens, database: string) {
    this.#tokens = tokens;
    this.#database = database;
  }

  read(): StatementFacts {
    const first = this.#tokens.take();
    const verb = first?.kind === 'word' && /^[a-z]+$/i.test(first.text) ? first.text.toUpperCase() : '';
    return { verb: this.#of(verb), tables: [...new Set(this.#tables)], known: this.#known };
  }

  /** @returns the verb, with what it is done to */
  #of(verb: string): string {
    const tokens = this.#tokens;
    switch (verb) {
      case 'CREATE':
      case 'ALTER':
      case 'DROP':
      case 'RENAME':
        return this.#definition(verb);
      case 'TRUNCATE':
        tokens.skip('TABLE');
        this.#name();
        return 'TRUNCATE TABLE';
      case 'INSERT':
      case 'REPLACE':
        tokens.skipAny('LOW_PRIORITY', 'DELAYED', 'HIGH_PRIORITY', 'IGNORE', 'INTO');
        this.#name();
        return verb;
      case 'UPDATE':
        tokens.skipAny('LOW_PRIORITY', 'IGNORE');
        this.#references('SET');
        return verb;
      case 'DELETE':
        this.#delete();
        return verb;
      case 'LOAD':
        if (this.#find('INTO', 'TABLE')) this.#name();
        return 'LOAD DATA';
      case 'ANALYZE':
      case 'OPTIMIZE':
      case 'REPAIR':
        tokens.skipAny('NO_WRITE_TO_BINLOG', 'LOCAL');
        // ANALYZE of another statement does what that one does.
        if (!tokens.skip('TABLE') && !tokens.skip('TABLES')) return this.#unknown(verb);
        this.#names();
        return `${verb} TABLE`;
      case 'XA':
        // Where one begins and ends is about the transaction itself.
        return ['COMMIT', 'ROLLBACK'].includes(tokens.word) ? `XA ${tokens.word}` : verb;
      case 'GRANT':
      case 'REVOKE':
      case 'FLUSH':
      case 'INSTALL':
      case 'UNINSTALL':
      case 'SAVEPOINT':
      case 'ROLLBACK':
      case 'RELEASE':
      case 'COMMIT':
      case 'BEGIN':
        return verb;
      case 'SET':
        return this.#set();
      default:
        this.#known = false;
        return verb;
    }
  }

  /** `SET STATEMENT … FOR` another statement; accounts and roles otherwise. */
  #set(): string {
    if (!this.#tokens.skip('STATEMENT')) return 'SET';
    if (!this.#find('FOR')) return this.#unknown('SET STATEMENT');
    const inner = new Reading(this.#tokens, this.#database).read();
    this.#tables.push(...inner.tables);
    this.#known = inner.known;
    return inner.verb;
  }

  #definition(verb: string): string {
    const tokens = this.#tokens;
    let temporary = '';
    for (let count = 0; count < farthest && tokens.next; count += 1) {
      const { word } = tokens;
      tokens.take();
      if (word === 'TEMPORARY') temporary = 'TEMPORARY ';
      if (word === 'DEFINER') this.#account();
      const kind = objects[word];
      if (kind === undefined) continue;
      this.#object(verb, kind);
      return `${verb} ${temporary}${kind}`;
    }
    return this.#unknown(verb);
  }

  /** Goes behind `= user@host`, whose names may be words that say what is made. */
  #account(): void {
    const tokens = this.#tokens;
    tokens.skip('=');
    const user = tokens.take();
    if (user?.text.endsWith('@') || tokens.skip('@')) tokens.take();
  }

  #object(verb: string, kind: string): void {
    const tokens = this.#tokens;
    tokens.skip('IF', 'NOT', 'EXISTS');
    tokens.skip('IF', 'EXISTS');
    switch (kind) {
      case 'DATABASE':
        this.#databaseName();
        return;
      case 'INDEX':
        if (this.#find('ON')) this.#name();
        else this.#unknown(verb);
        return;
      case 'TRIGGER':
        // One that is dropped does not say whose it is.
        if (verb === 'CREATE' && this.#find('ON')) this.#name();
        else this.#unknown(verb);
        return;
      case 'TABLE':
      case 'VIEW':
      case 'SEQUENCE':
        this.#tablesOf(verb, kind);
        return;
      default:
    }
  }

  #tablesOf(verb: string, kind: string): void {
    if (verb === 'DROP') {
      this.#names();
      return;
    }
    this.#name();
    if (verb === 'RENAME') {
      while (this.#find('TO')) {
        this.#name();
        if (this.#tokens.skip(',')) this.#name();
      }
    } else if (verb === 'ALTER' && kind !== 'VIEW') this.#alterations();
  }

  /** Other tables that an ALTER TABLE has to do with: its new name, and those that partitions become or come from. */
  #alterations(): void {
    const tokens = this.#tokens;
    let depth = 0;
    for (let count = 0; tokens.next; count += 1) {
      if (count > farthest) {
        this.#known = false;
        return;
      }
      const { word } = tokens;
      tokens.take();
      if (word === '(') depth += 1;
      if (word === ')') depth -= 1;
      if (depth > 0) continue;
      if (word === 'RENAME' && !['COLUMN', 'INDEX', 'KEY'].includes(tokens.word)) {
        tokens.skipAny('TO', 'AS', '=');
        this.#name();
      } else if (word === 'TABLE') this.#name();
    }
  }

  #delete(): void {
    const tokens = this.#tokens;
    tokens.skipAny('LOW_PRIORITY', 'QUICK', 'IGNORE', 'HISTORY');
    if (!tokens.skip('FROM')) {
      // What stands before FROM may be other names for the tables behind it.
      if (this.#find('FROM')) this.#references('WHERE');
      else this.#unknown('DELETE');
      return;
    }
    const before = this.#tables.length;
    this.#names();
    if (!tokens.skip('USING')) return;
    this.#tables.length = before;
    this.#references('WHERE');
  }

  /** Tables joined with one another, up to a word. */
  #references(end: string): void {
    const tokens = this.#tokens;
    // Of each bracket that is open whether tables stand in it, and no condition, column or partition.
    const ofTables: boolean[] = [];
    let expected = true;
    for (let count = 0; count < farthest && tokens.next; count += 1) {
      const { word } = tokens;
      if (ofTables.length === 0 && word === end) return;
      if (expected && word !== '(') {
        if (word === 'SELECT' || word === 'WITH') {
          this.#known = false;
          if (ofTables.length > 0) ofTables[ofTables.length - 1] = false;
        } else this.#name();
        expected = false;
        continue;
      }
      tokens.take();
      if (word === '(') ofTables.push(expected);
      else if (word === ')') ofTables.pop();
      else if (separators.has(word)) expected = ofTables.at(-1) ?? true;
    }
    if (end === 'SET') this.#known = false;
  }

  /** Goes behind the words. @returns whether they came */
  #find(...words: string[]): boolean {
    for (let count = 0; count < farthest && this.#tokens.next; count += 1) {
      if (this.#tokens.skip(...words)) return true;
      this.#tokens.take();
    }
    return false;
  }

  #names(): void {
    this.#name();
    while (this.#tokens.skip(',')) this.#name();
  }

  /** A table's name, with or without its database's. */
  #name(): void {
    const first = nameOf(this.#tokens.next);
    if (first === undefined) {
      this.#known = false;
      return;
    }
    this.#tokens.take();
    if (!this.#tokens.skip('.')) {
      this.#tables.push(this.#database === '' ? first : `${this.#database}.${first}`);
      return;
    }
    const second = nameOf(this.#tokens.take());
    if (second === undefined) this.#known = false;
    else this.#tables.push(`${first}.${second}`);
  }

  #databaseName(): void {
    const word = this.#tokens.word;
    const isOption = ['CHARACTER', 'CHARSET', 'COLLATE', 'DEFAULT', 'COMMENT', 'UPGRADE'].includes(word);
    const name = isOption ? this.#database : nameOf(this.#tokens.next);
    if (name === undefined || name === '') this.#known = false;
    else this.#tables.push(`${name}.*`);
  }

  #unknown(verb: string): string {
    this.#known = false;
    return verb;
  }
}

/** Between tables that are joined. */
const separators = new Set([',', 'JOIN', 'STRAIGHT_JOIN']);

/** Undefined for what is none, and for what was written in another character set than is read here. */
function nameOf(token: Token | undefined): string | undefined {
  if (token?.kind !== 'word' && token?.kind !== 'name' && token?.kind !== 'quoted') return undefined;
  const { text } = token;
  return text === '' || text.length > longestName || /[\p{Cc}\uFFFD]/u.test(text) ? undefined : text;
}
