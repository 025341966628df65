FROM rocm/tensorflow:latest
RUN conda install -y -c conda-forge librosa
