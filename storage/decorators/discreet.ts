/**
 * What a store says of a failure gets into messages that are kept and shown. A server of somebody else may repeat in it
 * what it was asked with: no secret of the credentials gets through.
 */
import { TidemarkError } from '../../domain/errors.ts';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from '../store.ts';

/** @param secrets texts that no error may have in it */
export function discreet(store: ObjectStore, secrets: readonly string[]): ObjectStore {
  return new DiscreetStore(store, secrets);
}

/** The same error without the secrets, and without a cause, which is not looked into. */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof TidemarkError)) return error;
  const message = textWithoutSecrets(error.message, secrets);
  if (message === error.message) return error;
  const { retryAfterSeconds } = error;
  return new TidemarkError(error.code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/** Of what is told without an error. */
export function textWithoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) clean = masked(clean, secret);
  return clean;
}

/** So much of a secret in a row is taken for a part of it; fewer characters may be there by chance. */
const shortestPart = 12;

/**
 * The text without any longer part of a secret. What a server said may be cut short, or have other line ends than the
 * secret: what is left of it then is a part.
 */
function masked(text: string, secret: string): string {
  if (secret.length < shortestPart) return secret === '' ? text : text.replaceAll(secret, '***');
  const whole = secret.replaceAll(/\s+/g, ' ').trim();
  let clean = '';
  for (let at = 0; at < text.length;) {
    const length = partAt(text, at, whole);
    clean += length > 0 ? '***' : text.charAt(at);
    at += Math.max(1, length);
  }
  return clean;
}

/** How many characters of `text` from a place on are a part of the secret; 0 when that may be chance. */
function partAt(text: string, at: number, secret: string): number {
  // The beginning of a secret at which a text was cut off is a part of it, however short.
  const cut = text.indexOf('…', at);
  const rest = cut < 0 ? '' : text.slice(at, cut);
  if (rest.length >= 4 && rest.length < shortestPart && secret.startsWith(rest)) return rest.length;
  let length = shortestPart;
  // What stands around a part is not of it.
  if (/\s/.test(text.charAt(at))) return 0;
  if (at + length > text.length || !secret.includes(text.slice(at, at + length))) return 0;
  while (at + length < text.length && secret.includes(text.slice(at, at + length + 1))) length++;
  return text.slice(at, at + length).trimEnd().length;
}

class DiscreetStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #secrets: readonly string[];

  constructor(store: ObjectStore, secrets: readonly string[]) {
    super(store.location);
    this.#store = store;
    this.#secrets = secrets;
  }

  protected override async ask<T>({ signal, of }: Asked<T>): Promise<T> {
    try {
      return await of(this.#store, signal);
    } catch (error) {
      throw withoutSecrets(error, this.#secrets);
    }
  }

  async *list(prefix: string, options?: ListOptions): AsyncGenerator<ListedObject> {
    try {
      yield* this.#store.list(prefix, options);
    } catch (error) {
      throw withoutSecrets(error, this.#secrets);
    }
  }
}
