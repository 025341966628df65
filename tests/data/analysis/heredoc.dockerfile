from ubuntu:22.04
run <<EOF
apt-get update
python3 -m pip install \
    "jax[cuda12]" flax
EOF
env XLA_FLAGS=--xla_gpu
cmd python3 -m http.server
