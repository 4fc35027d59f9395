/** Writes counts with their noun. */

/** *1 key*, *2 keys*. */
export function keys(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'key' : 'keys'}`
}

/** *1 call*, *1,955 calls*. */
export function calls(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'call' : 'calls'}`
}
