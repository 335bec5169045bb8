/** The seed of all random numbers of a test: SEED of the environment, or 1. Tests print it when they fail. */
export const RANDOM_SEED: number = Number(process.env.SEED ?? 1)
