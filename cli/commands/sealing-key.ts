/** `tidemark sealing-key`: makes and replaces the deployment's sealing key, on the deployment's host. */
import { Command } from 'commander';
import { type CatalogFlags, catalogOptions, withCatalog } from '../catalog.ts';
import type { Io } from '../io.ts';
import { makeKeyFile, readKeyFile, rotateKeyFile } from '../key-file.ts';
import { resealCatalog } from '../reseal.ts';

export function sealingKeyCommand(io: Io): Command {
  const say = (text: string): void => void io.stderr.write(`${text}\n`);
  const make = new Command('make')
    .summary('make the file with a first key')
    .description(
      'Make a file with a new key, readable by its owner alone. Give it to every api and control worker as sealing_key_file.',
    )
    .argument('<file>', 'where; it must not exist')
    .addHelpText('after', '\nExamples:\n  $ tidemark sealing-key make /etc/tidemark/sealing-key')
    .action((file: string) => {
      say(`${file} has the key ${makeKeyFile(file)}. Keep a copy where the catalog's copies are not.`);
    });
  const rotate = new Command('rotate')
    .summary('put a new key above those there are')
    .description(
      'Put a new key at the top of the file: it seals from the next start of each process on. The older keys stay below it, because what they sealed is opened with them.',
    )
    .argument('<file>', 'the file of the keys')
    .addHelpText('after', '\nExamples:\n  $ tidemark sealing-key rotate /etc/tidemark/sealing-key')
    .action((file: string) => {
      const [first, ...older] = rotateKeyFile(file);
      say(`${file} has the new key ${first}; ${older.join(', ')} open what was sealed before.`);
      say('Give the file to every host first, then start every api and control worker anew.');
      say(`After that, \`tidemark sealing-key reseal ${file}\` makes the older keys needless.`);
    });
  const reseal = new Command('reseal')
    .summary('seal everything under the first key')
    .description(
      'Open what older keys sealed in the catalog and seal it under the first key of the file. Run it once every api and control worker was started with that file; it may run beside them, and again. It says which lines of the file nothing needs any more.',
    )
    .argument('<file>', 'the file of the keys')
    .addHelpText('after', '\nExamples:\n  $ tidemark sealing-key reseal /etc/tidemark/sealing-key')
    .action(async (file: string, flags: CatalogFlags) => {
      const text = readKeyFile(file);
      const { resealed, keys } = await withCatalog(
        flags,
        io.env,
        async (catalog) => await resealCatalog(catalog, text, file),
      );
      const [first = { id: '' }, ...older] = keys;
      say(
        `The credentials of ${resealed} buckets were sealed anew; all are sealed under the key ${first.id} now.`,
      );
      for (const { id, line, neededUntil } of older) {
        say(
          neededUntil === undefined
            ? `The key ${id}, line ${line} of ${file}, may go: nothing is sealed under it.`
            : `The key ${id}, line ${line} of ${file}, may go after ${neededUntil}: until then it opens answers that are kept under an Idempotency-Key.`,
        );
      }
    });
  return new Command('sealing-key')
    .description(
      "Make and replace the deployment's sealing key. Run it on a host of the deployment: it works on a file and on the catalog, not through the API.",
    )
    .addCommand(make)
    .addCommand(rotate)
    .addCommand(catalogOptions(reseal));
}
