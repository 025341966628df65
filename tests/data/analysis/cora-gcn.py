import flax.linen as nn
import optax
from graphs import load_cora


class GCN(nn.Module):
    @nn.compact
    def __call__(self, adjacency, features):
        return adjacency @ nn.Dense(16)(features)


optimizer = optax.adam(learning_rate=0.01)
state = optimizer.init(GCN())
grads = load_cora()
updates, state = optimizer.update(grads, state)
