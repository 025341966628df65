import paddle
from paddle.vision.datasets import Cifar10
from paddle.vision.models import vgg16

model = paddle.Model(vgg16())
model.prepare(paddle.optimizer.Adam(learning_rate=0.001, parameters=model.parameters()))
model.fit(Cifar10(mode="train"), epochs=4, batch_size=64)
