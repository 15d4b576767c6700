"""The WaveSpeed v3 provider as a program of its own: real HTTP, real pictures, real faults."""
