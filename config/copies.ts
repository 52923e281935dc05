/** Where finished backups are copied to: further storages, each with the options that the first one has. */
import { z } from 'zod';
import { copyLocation } from '../domain/copies.ts';
import { storageOptions, type StorageOptions } from './storage.ts';
import { storageLocation } from './values.ts';

/** A further storage. */
export interface CopyStorage {
  /** The one form by which it is known everywhere: in the catalog, in orders, in the API. */
  location: string;
  options: StorageOptions;
  /** Whether backups of every service go there, or only of those that name it. */
  everyService: boolean;
}

const allowed =
  'a list, or in one text separated by commas, each a location; in a file, or as JSON, also {"storage": location, ' +
  '"storage_options": {…}, "every_service": true or false}';

const entry = z.strictObject({
  storage: storageLocation,
  storage_options: storageOptions.prefault({}),
  every_service: z.boolean().default(true),
});

/** A list where it stands in a file; in one text from the environment, in JSON where an entry has options. */
function listed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (!text.startsWith('['))
    return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const copyList = z
  .preprocess(listed, z.array(z.unknown()))
  .transform((entries, context): CopyStorage[] => {
    const copies: CopyStorage[] = [];
    const fault = (given: unknown, message: string): void => {
      const { storage = given } = (given ?? {}) as { storage?: unknown };
      const shown = typeof storage === 'string' ? storage : JSON.stringify(storage);
      context.addIssue({ code: 'custom', message, params: { entry: shown } });
    };
    for (const given of entries) {
      const parsed = entry.safeParse(typeof given === 'string' ? { storage: given } : given);
      if (!parsed.success) {
        for (const issue of parsed.error.issues) fault(given, phraseOf(issue));
        continue;
      }
      const { storage, storage_options: options, every_service: everyService } = parsed.data;
      const location = copyLocation(storage);
      if (copies.some((other) => other.location === location)) fault(given, 'is there twice');
      else copies.push({ location, options, everyService });
    }
    return copies;
  })
  .meta({ allowed });

function phraseOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `has the unknown ${[...issue.path.map(String), issue.keys.join(', ')].join('.')}`;
  const path = issue.path.map(String).join('.');
  return path === 'storage' || path === '' ? 'is no location' : `has a wrong ${path}`;
}

export const copySettings = {
  copies: copyList
    .prefault([])
    .describe(
      'Where finished backups are copied to: further storages beside `storage`, for the api, the control workers and the agents alike. `storage_options` of an entry are as those of `storage`, with their own defaults; with `every_service: false` only backups of services that name the location go there',
    ),
};

/** The same for an agent, which only reads there. */
export const copiesToRead = {
  copies: copyList
    .prefault([])
    .describe(
      "The deployment's `copies`, for restores from them: an agent reads there and writes nothing. `every_service` says nothing here",
    ),
};
