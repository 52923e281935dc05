/**
 * The storage of a deployment, known by the mark that the control worker has left in it. A directory that is not
 * mounted, or a slip in a setting, would otherwise take whatever is written to it, and nobody would hear of it.
 */
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { type Asked, PassingOn } from '../passing-on.ts';
import type { ListedObject, ListOptions, ObjectStore } from '../store.ts';

/** A directory is no mount point any more from one moment to the next; a bucket stays where it is. Milliseconds. */
const believedMs = { directory: 0, bucket: 60_000 };

/**
 * Answers nothing, and takes nothing, where the mark of the deployment is not.
 *
 * @throws storage_foreign, from every method
 */
export function marked(store: ObjectStore, deploymentId: string): ObjectStore {
  return new MarkedStore(store, objectKeys.deployment(deploymentId));
}

class MarkedStore extends PassingOn {
  readonly #store: ObjectStore;
  readonly #mark: string;
  readonly #believedMs: number;
  #seenAt = -Infinity;

  constructor(store: ObjectStore, mark: string) {
    super(store.location);
    this.#store = store;
    this.#mark = mark;
    this.#believedMs = store.location.startsWith('file:') ? believedMs.directory : believedMs.bucket;
  }

  protected override async ask<T>({ signal, of }: Asked<T>): Promise<T> {
    await this.#recognize(signal);
    return await of(this.#store, signal);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    await this.#recognize(options.signal);
    yield* this.#store.list(prefix, options);
  }

  async #recognize(signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#seenAt < this.#believedMs) return;
    try {
      await this.#store.stat(this.#mark, signal);
      this.#seenAt = performance.now();
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'object_missing') throw error;
      throw new TidemarkError(
        'storage_foreign',
        `The storage ${this.location} is not this deployment's: it has no ${this.#mark}, which the control worker ` +
          'leaves in its own. Nothing is written to it. See that it is mounted, and the one that the control worker has.',
        { cause: error },
      );
    }
  }
}
