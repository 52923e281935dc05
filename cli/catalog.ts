/** Commands of the deployment's host work on the catalog itself, not through the API. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { openCatalog } from '../catalog/open.ts';
import type { Catalog } from '../catalog/types.ts';
import { hostSettings } from '../config/catalog.ts';
import { loadFromEnvironment } from '../config/load.ts';
import { readSecret } from '../config/secret.ts';
import { TidemarkError } from '../domain/errors.ts';

export interface CatalogFlags {
  catalog?: string;
  catalogPasswordFile?: string;
}

export function catalogOptions(command: Command): Command {
  const options = [
    new Option(
      '--catalog <location>',
      'sqlite:///path/of/file or postgres://user@host:port/database (TIDEMARK_CATALOG, or the file of TIDEMARK_CONFIG)',
    ),
    new Option(
      '--catalog-password-file <file>',
      "a file with the catalog database's password (TIDEMARK_CATALOG_PASSWORD_FILE)",
    ),
  ];
  for (const option of options) command.addOption(option.helpGroup('The catalog:'));
  return command;
}

/**
 * Opens the catalog that the flags name, else the settings of the api or the control worker, and closes it again.
 *
 * @throws invalid_setting when nothing says where it is, or when it is a file that is not there: a new and empty
 *   catalog would be a slip in its path, unless it may be made
 */
export async function withCatalog<T>(
  flags: CatalogFlags,
  env: NodeJS.ProcessEnv,
  work: (catalog: Catalog) => Promise<T>,
  { mayCreate = false }: { mayCreate?: boolean } = {},
): Promise<T> {
  const { catalog: location, catalog_password_file: passwordFile } = loadFromEnvironment(
    hostSettings,
    {
      ...env,
      ...(flags.catalog === undefined ? {} : { TIDEMARK_CATALOG: flags.catalog }),
      ...(flags.catalogPasswordFile === undefined
        ? {}
        : { TIDEMARK_CATALOG_PASSWORD_FILE: flags.catalogPasswordFile }),
    },
    'ignore',
    namesOf(flags, env),
  );
  const file = /^sqlite:\/\/(\/.+)$/.exec(location)?.[1];
  if (file !== undefined && !mayCreate && !existsSync(file)) {
    throw new TidemarkError(
      'invalid_setting',
      `There is no catalog at ${file}: start the api once to make it.`,
    );
  }
  const password = await readSecret(passwordFile);
  const catalog = await openCatalog(location, { password });
  try {
    // The api may not have run since an upgrade, or ever.
    await catalog.migrate();
    return await work(catalog);
  } finally {
    await catalog.close();
  }
}

/** What the settings are called in messages: as they were given; one that is not given, in both ways that it could be. */
function namesOf(flags: CatalogFlags, env: NodeJS.ProcessEnv): Record<string, string> {
  const catalog = flags.catalog === undefined ? '--catalog (or TIDEMARK_CATALOG)' : '--catalog';
  const isVariable = flags.catalog === undefined && (env['TIDEMARK_CATALOG'] ?? '') !== '';
  return {
    ...(!isVariable && { catalog }),
    ...(flags.catalogPasswordFile !== undefined && { catalog_password_file: '--catalog-password-file' }),
  };
}
