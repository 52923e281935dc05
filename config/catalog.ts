/** Where the catalog is: settings of every process that reaches it, and of the commands of the deployment's host. */
import { z } from 'zod';
import { catalogLocation, filePath } from './values.ts';

export const catalogSettings = {
  catalog: catalogLocation,
  catalog_password_file: filePath
    .optional()
    .describe("A file with the catalog database's password, in one line"),
};

/** What a command of the deployment's host takes from the settings of the process that it stands beside. */
export const hostSettings = z.strictObject(catalogSettings);
