import numpy as np


class Network:
    def update_mini_batch(self, mini_batch, eta):
        for image, digit in mini_batch:
            self.backprop(image, digit)


net = Network()
net.size = np.array([784, 30, 10])
