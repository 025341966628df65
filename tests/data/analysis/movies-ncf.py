import mxnet as mx
from mxnet import gluon
from data import load_movielens

BATCH_SIZE = 256
EPOCHS = 20
net = gluon.nn.Sequential()
trainer = gluon.Trainer(net.collect_params(), "adam")
for users, items, ratings in load_movielens("ml-1m", BATCH_SIZE):
    with mx.autograd.record():
        loss = gluon.loss.L2Loss()(net(users, items), ratings)
    loss.backward()
    trainer.step(BATCH_SIZE)
