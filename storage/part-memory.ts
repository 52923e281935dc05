/**
 * Memory for parts: some dozens of MiB, wanted for as long as a stream takes and not at all between two. What Buffer
 * allocates is let go of when V8 gets to it, which sees no need to where the heap itself is small; and the C library
 * keeps much of what it was given back. So an agent held the parts of a restore beside those of the backup before it.
 */

/** Zeros. To be given back by {@link giveBack}, or else let go of as any buffer is. */
export function takeMemory(bytes: number): Buffer<ArrayBuffer> {
  // One that can be resized has pages of its own, straight from the system.
  return Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes);
}

/** Gives the memory back to the system, at once. The buffer, and all that was cut from it, is empty then. */
export function giveBack(memory: Buffer<ArrayBuffer>): void {
  memory.buffer.resize(0);
}
