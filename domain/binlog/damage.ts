/** What a binlog can have wrong. An end that is only not there yet is none of it: the reader's `end` tells that. */
import { TidemarkError } from '../errors.ts';

/**
 * - `magic`: it does not begin as a binlog does
 * - `unsupported`: a binlog, but of a kind that is not read here: of MySQL, or of MariaDB before 10.0
 * - `header`: an event's header cannot be one: an unknown type, or a length that no such event has
 * - `place`: an event says that it stands somewhere else: bytes before it are missing, or there are too many
 * - `checksum`: the bytes of an event are not those that were written
 * - `content`: what is in an event does not fit into it
 * - `beyond_end`: there is more after the event that closes the file
 */
export type BinlogFault =
  'magic' | 'unsupported' | 'header' | 'place' | 'checksum' | 'content' | 'beyond_end';

/** Thrown by the reader; retrying on the same bytes does not help. */
export class BinlogDamage extends TidemarkError {
  readonly fault: BinlogFault;
  /** Where in the binlog the event begins that is damaged. Everything before it was right. */
  readonly position: number;

  /** @param what the end of "The binlog is damaged at position N: …" */
  constructor(fault: BinlogFault, position: number, what: string) {
    super('binlog_damaged', `The binlog is damaged at position ${position}: ${what}.`);
    this.fault = fault;
    this.position = position;
  }
}
