/** Drills, which bring a service back elsewhere and check it. */
import { entry, type ErrorEntry } from './entry.ts';

export const proofErrors = {
  prover_missing: entry(
    409,
    false,
    'No agent is there that may bring the service back for a drill.',
    'Give the agent of another host of the organization the setting `prover`; see proofs.md.',
  ),
  nothing_to_prove: entry(
    409,
    false,
    'There is nothing that the service could be brought back to.',
    'Take a full backup.',
  ),
  proof_failed: entry(
    409,
    false,
    'A service was brought back for a drill, and what came of it is not what it should be.',
    'The message names the tables. Verify the backup, look at these tables on the server, and take a full backup.',
  ),
  prover_busy: entry(
    409,
    true,
    "A drill made way for a restore on the prover's host, or found no prover free.",
    'Nothing: another prover is asked, or the same again, and the next drill comes. Where none is ever free, add a prover.',
  ),
} as const satisfies Record<string, ErrorEntry>;
