import jax

LR = 0.1
print(jax.devices())
