"""The video model: autoencoder, transformer, camera encoding, memory warping, sampler. Imports torch."""
