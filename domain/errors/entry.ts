/** One row of the table of errors. */
export interface ErrorEntry {
  /** HTTP status when this error is an answer of the API. */
  status: number;
  /** Whether trying the same thing again, unchanged, can succeed. Temporal's retries follow this. */
  retryable: boolean;
  /** What it means, one sentence. */
  meaning: string;
  /** What the reader should do. */
  remedy: string;
}

export const entry = (status: number, retryable: boolean, meaning: string, remedy: string): ErrorEntry => ({
  status,
  retryable,
  meaning,
  remedy,
});
