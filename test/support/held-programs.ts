/** The programs of a restore, held for as long as a test wants: its middle lasts until it is released. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** What each step of a restore runs, and the argument by which that call is known. */
const steps = {
  fetching: { program: 'mbstream', argument: '-x' },
  preparing: { program: 'mariadb-backup', argument: '--prepare' },
} as const;
export type HeldStep = keyof typeof steps;

/** A folder for the setting `programs`: those that can be held; all others come from where they always do. */
export class HeldPrograms {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param folder is made; whoever runs the programs has to come through to it */
  static async make(folder: string): Promise<HeldPrograms> {
    const held = new HeldPrograms(folder);
    await mkdir(folder);
    await chmod(folder, 0o755);
    for (const [step, { program, argument }] of Object.entries(steps)) {
      const { stdout } = await promisify(execFile)('which', [program]);
      const real = stdout.trim();
      const gate = held.#gate(step as HeldStep);
      // One process throughout, so that whoever ends it ends all.
      const wait = `exec perl -e 'my $gate = shift; select undef, undef, undef, 0.02 while -e $gate; exec @ARGV' '${gate}'`;
      const script = `#!/bin/sh\ncase " $* " in *" ${argument} "*) ${wait} '${real}' "$@" ;; esac\nexec '${real}' "$@"\n`;
      const file = path.join(folder, program);
      await writeFile(file, script);
      await chmod(file, 0o755);
    }
    return held;
  }

  /** From now on the step waits before it begins. */
  async hold(step: HeldStep): Promise<void> {
    await writeFile(this.#gate(step), '');
  }

  /** Everything that waits goes on, and nothing waits any more. */
  async release(): Promise<void> {
    for (const step of Object.keys(steps)) await rm(this.#gate(step as HeldStep), { force: true });
  }

  #gate(step: HeldStep): string {
    return path.join(this.folder, `${step}.held`);
  }
}
