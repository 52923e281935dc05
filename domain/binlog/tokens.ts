/** The words of a SQL statement, one after the other and no further than they are asked for. */

export interface Token {
  /**
   * `word`: without quotes, a keyword or a name; `name`: in backticks; `quoted`: in double quotes, a name or a text;
   * `text`: in single quotes, without what is in it; `sign`: any other character.
   */
  kind: 'word' | 'name' | 'quoted' | 'text' | 'sign';
  /** Of a name without its quotes. */
  text: string;
}

/** Blanks, comments, and the marks around what only some servers read: that is read here, too. */
const between = /(?:\s+|\/\*(?:M?!\d*)|\*\/|\/\*(?!M?!)[^]*?\*\/|--(?=\s)[^\n]*|#[^\n]*)+/y;
const parts = [
  ['word', /[\p{L}\p{N}_$@]+/uy],
  ['name', /`(?:[^`]|``)*`/y],
  ['quoted', /"(?:[^"\\]|""|\\[^])*"/y],
  ['text', /'(?:[^'\\]|''|\\[^])*'/y],
] as const;

export class Tokens {
  readonly #statement: string;
  #at = 0;
  #next: Token | undefined;

  constructor(statement: string) {
    this.#statement = statement;
  }

  /** Whether all of it was looked at. */
  get ended(): boolean {
    return this.#at >= this.#statement.length;
  }

  /** Undefined at the end. */
  get next(): Token | undefined {
    return (this.#next ??= this.#read());
  }

  /** The next one, which is then behind. */
  take(): Token | undefined {
    const token = this.next;
    this.#next = undefined;
    return token;
  }

  /** The next one in capitals, where it is a word or a sign; else empty. */
  get word(): string {
    const token = this.next;
    return token?.kind === 'word' || token?.kind === 'sign' ? token.text.toUpperCase() : '';
  }

  /** Goes behind the words, if they come next in this order. @returns whether they did: none is taken otherwise */
  skip(...words: string[]): boolean {
    const [at, next] = [this.#at, this.#next];
    for (const word of words) {
      if (this.word !== word) {
        this.#at = at;
        this.#next = next;
        return false;
      }
      this.take();
    }
    return true;
  }

  /** Goes behind as many of the words as come next, in any order. */
  skipAny(...words: string[]): void {
    while (words.includes(this.word)) this.take();
  }

  #read(): Token | undefined {
    between.lastIndex = this.#at;
    if (between.test(this.#statement)) this.#at = between.lastIndex;
    for (const [kind, rule] of parts) {
      rule.lastIndex = this.#at;
      const [found] = rule.exec(this.#statement) ?? [];
      if (found === undefined) continue;
      this.#at += found.length;
      return { kind, text: kind === 'word' ? found : kind === 'text' ? '' : unquoted(found) };
    }
    const sign = this.#statement[this.#at];
    if (sign === undefined) return undefined;
    // An opened quote that is not closed: the rest is no words.
    this.#at = /["'`]/.test(sign) ? this.#statement.length : this.#at + 1;
    return { kind: 'sign', text: sign };
  }
}

function unquoted(quoted: string): string {
  const quote = quoted[0]!;
  return quoted.slice(1, -1).replaceAll(quote + quote, quote);
}
