/** What `tidemark catalog rebuild` takes from the settings of the process that it stands beside. */
import { z } from 'zod';
import { storageOptions } from './storage.ts';

export const rebuildHostSettings = z.strictObject({ storage_options: storageOptions.prefault({}) });
