/* The cues of jobtype.c: vocabulary of each job type (tasks, data sets, models, libraries), strength 1–6, and where it counts.
 *
 * A phrase is lower-case words between single blanks; words of code are split at capitals (ResNet is "resnet" and "res net").
 * A shorter phrase inside a longer one that is of another type says nothing: "text classification" is no image classification.
 * Nothing here names a repository, a path or one file. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CORE_ANALYSIS_JOBTYPE_CUES_H
#define CORE_ANALYSIS_JOBTYPE_CUES_H

#include "core/analysis/analysis.h"

enum cue_where {
    CUE_ANYWHERE,
    CUE_BASE_NAME,
    CUE_NAMED,   /* the base name, and titles: headings, the docstring's first lines */
    CUE_COMMAND, /* paths and words of commands, images, services */
    CUE_MODULE,  /* the first word of an import: the package itself */
};

static const struct cue_row {
    enum analysis_job job;
    uint32_t strength;
    enum cue_where where;
    const char *phrases; /* between commas */
} cue_rows[] = {
    {ANALYSIS_JOB_MNIST, 5, CUE_ANYWHERE, "mnist,emnist,kmnist,qmnist,notmnist,fmnist"},
    {ANALYSIS_JOB_MNIST, 2, CUE_ANYWHERE, "fashion mnist,mnist 784,fetch mnist"},
    {ANALYSIS_JOB_MNIST, 3, CUE_ANYWHERE, "mnist pkl,mnist npz,mnist csv,idx3 ubyte,idx1 ubyte"},
    {ANALYSIS_JOB_MNIST, 2, CUE_NAMED, "mnist,handwritten digit,handwritten digits"},

    {ANALYSIS_JOB_STABLE_DIFFUSION, 6, CUE_ANYWHERE,
     "stable diffusion,stablediffusion,sd webui,latent diffusion,comfyui,comfy ui,invokeai,sdxl "
     "turbo"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 5, CUE_ANYWHERE,
     "sdxl,sd15,sd3,dreambooth,textual inversion,instruct pix2pix,ip adapter"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 4, CUE_ANYWHERE,
     "control net,controlnet,inpainting,img2img,txt2img"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 3, CUE_ANYWHERE, "text to image,autoencoder kl,inpaint"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 2, CUE_ANYWHERE, "condition model"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 1, CUE_ANYWHERE, "diffusers"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 5, CUE_MODULE, "ldm"},
    {ANALYSIS_JOB_STABLE_DIFFUSION, 4, CUE_COMMAND, "sd,comfy,automatic1111"},

    {ANALYSIS_JOB_VIDEO_GENERATION, 6, CUE_ANYWHERE,
     "cogvideo,cogvideox,cog video x,animate diff,animatediff,text to video,image to video,stable "
     "video diffusion,hunyuan video,video generation,mochi,open sora,opensora,video "
     "diffusion,modelscope t2v,wan pipeline,ltx video"},
    {ANALYSIS_JOB_VIDEO_GENERATION, 5, CUE_ANYWHERE, "export to video,t2v,i2v"},
    {ANALYSIS_JOB_VIDEO_GENERATION, 4, CUE_ANYWHERE, "ltx"},

    {ANALYSIS_JOB_IMAGE_GENERATION, 6, CUE_ANYWHERE,
     "neural style,style transfer,realesrgan,real esrgan,basicsr,rrdbnet,rrdb "
     "net,gfpgan,swinir,super resolution,superresolution,super resolve,super "
     "res,flux,kandinsky,pixart,esrgan,srgan,image synthesis,deep "
     "dream,deepdream,colorization,image translation"},
    {ANALYSIS_JOB_IMAGE_GENERATION, 5, CUE_ANYWHERE,
     "dcgan,wgan,cgan,cyclegan,cycle "
     "gan,stylegan,stylegan2,stylegan3,biggan,progan,pix2pix,discriminator,vae,cvae,vqvae,beta "
     "vae,image generation,ddpm,dalle,dall e,imagen,srcnn,edsr,unconditional image "
     "generation,pixelcnn,pixel cnn"},
    {ANALYSIS_JOB_IMAGE_GENERATION, 4, CUE_ANYWHERE,
     "style weight,content weight,gan,gans,variational,reparameterize,stylize,pixel "
     "shuffle,unconditional,denoising "
     "diffusion,diffusion model,diffusion models,generative adversarial,adversarial "
     "network,upscale"},
    {ANALYSIS_JOB_IMAGE_GENERATION, 2, CUE_ANYWHERE,
     "conv transpose2 d,conv transpose2d,conv2 d transpose,ddim,diffusion,autoencoder,content "
     "loss,style loss"},

    {ANALYSIS_JOB_IMAGE_GENERATION, 1, CUE_ANYWHERE, "generator"},

    {ANALYSIS_JOB_OBJECT_DETECTION, 6, CUE_ANYWHERE,
     "yolo,yolov3,yolov4,yolov5,yolov7,yolov8,yolov9,yolov10,yolox,yolo11,object "
     "detection,fasterrcnn,faster rcnn,faster r cnn,maskrcnn,mask rcnn,mask r cnn,instance "
     "segmentation,efficientdet,effdet,efficient det,mmdet,mmdetection,detectron2,fasterrcnn "
     "resnet50 fpn,face detection,pedestrian detection,keypoint rcnn,rt "
     "detr,rtdetr,retinaface,groundingdino,grounding dino"},
    {ANALYSIS_JOB_OBJECT_DETECTION, 5, CUE_ANYWHERE,
     "retinanet,retina net,detr,centernet,mobilenet ssd,ssd300,ssdlite,fcos,object detector"},
    {ANALYSIS_JOB_OBJECT_DETECTION, 4, CUE_ANYWHERE,
     "non max suppression,multibox,roi align,roi heads,region proposal"},
    {ANALYSIS_JOB_OBJECT_DETECTION, 3, CUE_ANYWHERE, "detection,nms,ssd,pascal voc"},
    {ANALYSIS_JOB_OBJECT_DETECTION, 2, CUE_ANYWHERE,
     "ultralytics,detect,bbox,bboxes,bounding box,bounding boxes,anchors,coco"},

    {ANALYSIS_JOB_SEGMENTATION, 6, CUE_ANYWHERE,
     "segmentation,semantic segmentation,image segmentation,nnunet,nn "
     "unet,deeplabv3,deeplab,deeplabv3plus,segformer,segment "
     "anything,sam2,mask2former,maskformer,mmseg,mmsegmentation,pspnet,segnet,fcn "
     "resnet50,cityscapes,oxford iiit pet,segmentation models pytorch,panoptic,unet "
     "medical,carvana,brats"},
    {ANALYSIS_JOB_SEGMENTATION, 4, CUE_ANYWHERE,
     "ade20k,dice loss,dice coefficient,dice score,iou score,camvid"},
    {ANALYSIS_JOB_SEGMENTATION, 3, CUE_ANYWHERE, "unet,u net,dice,monai"},
    {ANALYSIS_JOB_SEGMENTATION, 4, CUE_NAMED, "segment"},
    {ANALYSIS_JOB_SEGMENTATION, 3, CUE_BASE_NAME, "unet,u net,linknet"},

    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 6, CUE_ANYWHERE,
     "image classification,image classifier,load digits,classify images,img classification,cats "
     "dogs,cats and dogs,cats vs dogs,flower classification,flowers102,plant disease,food101,cnn "
     "classifier,celeba classifier,vision transformer classification"},
    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 5, CUE_ANYWHERE,
     "imagenet,image net,cifar,cifar10,cifar100,cifar 10,cifar 100,imagenette,tiny "
     "imagenet,svhn,stl10,image data generator,rn50,rn50v15,caltech101,celeb "
     "a,celeba,quickdraw,flowers"},
    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 4, CUE_ANYWHERE,
     "image regressor,image data loaders,vision learner,cnn learner,image dataset from "
     "directory,cnn "
     "classification,transfer learning,for image classification,classification model"},
    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 3, CUE_ANYWHERE,
     "resnet,res net,resnet18,resnet34,resnet50,resnet101,resnet152,resnext,resnext50,wide "
     "resnet,efficientnet,efficient net,efficientnet b0,mobilenet,mobile net,mobilenet "
     "v2,mobilenet v3,vgg,vgg16,vgg19,alexnet,alex net,lenet,le net,densenet,dense "
     "net,densenet121,inception,inception v3,googlenet,squeezenet,convnext,shufflenet,timm,vision "
     "transformer,vit,swin transformer,swin,deit,xception"},
    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 2, CUE_ANYWHERE, "image folder,classify,classification"},
    {ANALYSIS_JOB_IMAGE_CLASSIFICATION, 1, CUE_ANYWHERE,
     "classifier,images,conv2 d,conv2d,max pooling2 d,reparameterize model,translate x,translate "
     "y,interpolation "
     "mode"},

    {ANALYSIS_JOB_LLM_TRAINING, 6, CUE_ANYWHERE,
     "trl,rlhf,reward modeling,reward model,reward trainer,qlora,axolotl,unsloth,llama "
     "factory,alpaca,vicuna,sft trainer,dpo trainer,grpo trainer,ppo trainer,instruction "
     "tuning,nemo megatron,megatron,gpt neox,open assistant,lit gpt,litgpt,torchtune"},
    {ANALYSIS_JOB_LLM_TRAINING, 5, CUE_ANYWHERE,
     "causal lm,gpt,gpt2,gpt 2,gpt3,gpt4,gpt neo,gpt "
     "j,gptj,mingpt,nanogpt,llama,llama2,llama3,mistral,mixtral,gemma,gemma2,gemma3,qwen,qwen2,"
     "qwen3,phi 2,phi 3,falcon,bloom,bloomz,opt 125m,pythia,mpt,deepseek,smol "
     "lm,smollm,tinyllama,tiny llama,olmo,chatglm,baichuan,internlm,yi "
     "6b,mamba,rwkv,llm,llms,large language model,sft,dpo,orpo,kto,grpo,lm1b,tiny "
     "stories,tinystories,open web text,openwebtext,the pile,red pajama,redpajama,fineweb,fine "
     "web,slimpajama,guanaco,dolly,ultrachat,transformer lm"},
    {ANALYSIS_JOB_LLM_TRAINING, 4, CUE_ANYWHERE,
     "t5,flan t5,ul2,palm,tokens per second,shakespeare,language modeling,kv cache"},
    {ANALYSIS_JOB_LLM_TRAINING, 3, CUE_ANYWHERE, "language model,lora config,get peft model"},

    {ANALYSIS_JOB_LLM_INFERENCE, 6, CUE_ANYWHERE,
     "vllm,llama cpp,llamacpp,text generation inference,text generation "
     "webui,textgen,ctransformers,exllama,exllamav2,sglang,lmdeploy,ollama,open "
     "webui,gpt4all,koboldcpp,tensorrt llm,langchain,llama index,llamaindex,chatbot,chat "
     "completion,openai api,localai,fastchat,rag,retrieval augmented,gguf"},
    {ANALYSIS_JOB_LLM_INFERENCE, 5, CUE_ANYWHERE,
     "text generation,chat completions,auto gptq,awq,sampling params"},
    {ANALYSIS_JOB_LLM_INFERENCE, 6, CUE_BASE_NAME, "text completion"},
    {ANALYSIS_JOB_LLM_INFERENCE, 3, CUE_ANYWHERE, "max gen len,top p"},
    {ANALYSIS_JOB_LLM_INFERENCE, 4, CUE_ANYWHERE,
     "chat template,text streamer,text iterator streamer,chat"},

    {ANALYSIS_JOB_MULTIMODAL, 6, CUE_ANYWHERE,
     "blip,blip2,llava,image text to text,visual question answering,vqa,open clip,openclip,image "
     "captioning,flamingo,qwen2 vl,qwen vl,paligemma,idefics,kosmos,minigpt4,florence,vision "
     "language,clip score,zero shot image classification,image text"},
    {ANALYSIS_JOB_MULTIMODAL, 5, CUE_ANYWHERE,
     "encoder cnn,caption path,coco captions,caption generator,vision2 seq,captioning,clip "
     "processor,multimodal,multi modal"},
    {ANALYSIS_JOB_MULTIMODAL, 4, CUE_NAMED, "clip"},
    {ANALYSIS_JOB_MULTIMODAL, 6, CUE_MODULE, "clip"},
    {ANALYSIS_JOB_MULTIMODAL, 4, CUE_ANYWHERE, "clip model,vlm"},

    {ANALYSIS_JOB_SPEECH, 6, CUE_ANYWHERE,
     "whisper,whisperx,wav2vec2,wav2 vec2,wav2vec,hubert,hifigan,hifi "
     "gan,tacotron,tacotron2,fastpitch,fastspeech,fastspeech2,waveglow,wavenet,speech "
     "recognition,text to speech,speech to text,audio classification,librispeech,libri "
     "speech,deepspeech,deep speech,ljspeech,lj speech,espnet,speech commands,urbansound,urban "
     "sound8 k,vits,bark,xtts,conformer,quartznet,keyword spotting,speaker recognition,speaker "
     "verification,speaker diarization,pyannote,nemo asr,kaldi,voice conversion,voice "
     "cloning,music generation,musicgen,encodec"},
    {ANALYSIS_JOB_SPEECH, 5, CUE_ANYWHERE,
     "speech,speechrecognition,asr,tts,stt,torchaudio,librosa,vocoder,jasper,speechbrain,soundfile,"
     "phoneme,phonemes,transcribe,utterance"},
    {ANALYSIS_JOB_SPEECH, 3, CUE_ANYWHERE, "audio,mel,mfcc,spectrogram,waveform,log mel,wav"},

    {ANALYSIS_JOB_NLP, 6, CUE_ANYWHERE,
     "sst2,snli,squad,named entity recognition,masked lm,masked language,sentence "
     "classification,machine translation,glue benchmark,sequence tagging,part of speech,pos "
     "tagging,ner,topic modeling,lda model,conll2003,ag news,text summarization,word level "
     "language model,word level language modeling,word language model,lstm text "
     "generation,text generation with lstm,language detection"},
    {ANALYSIS_JOB_NLP, 5, CUE_ANYWHERE,
     "nlp,bert,roberta,distilbert,distil bert,albert,electra,deberta,xlnet,sentence "
     "transformers,sentence transformer,nltk,spacy,torchtext,text classification,sequence "
     "classification,token classification,question "
     "answering,summarization,summarize,translation,translator,seq2seq,sentiment,sentiment "
     "analysis,word2vec,word2 vec,glove,gensim,fasttext,opus,marian,bart,natural "
     "language,multi30k,multi30 k,multinli,glue,mrpc,text vectorization,count vectorizer,tfidf "
     "vectorizer,bag of words,embeddings model,fill mask"},
    {ANALYSIS_JOB_NLP, 4, CUE_ANYWHERE,
     "character level,char level,char rnn,char "
     "lstm,int2char,char2int,imdb,wikitext,corpus,corpora,penn "
     "treebank,ptb,wmt,bleu,rouge,spam,newsgroups,movie "
     "reviews,word embeddings,detokenize,translate"},
    {ANALYSIS_JOB_NLP, 2, CUE_ANYWHERE, "vocab,vocabulary,pad sequences,sentence,sentences"},
    {ANALYSIS_JOB_NLP, 1, CUE_ANYWHERE, "tokenizer"},

    {ANALYSIS_JOB_REINFORCEMENT_LEARNING, 6, CUE_ANYWHERE,
     "gym,gymnasium,envpool,stable baselines3,stable baselines,reinforcement,reinforcement "
     "learning,mujoco,pettingzoo,rllib,ray rllib,tianshou,tf agents,dm control,isaac "
     "gym,procgen,minigrid,unity mlagents,policy gradient,torchrl,dopamine,open "
     "spiel,alphazero,alpha zero,muzero,multi agent"},
    {ANALYSIS_JOB_REINFORCEMENT_LEARNING, 5, CUE_ANYWHERE,
     "reinforce,ppo,ppo2,acer,acktr,gail,dqn,ddqn,ddpg,td3,a2c,a3c,trpo,actor critic,atari,cart "
     "pole,cartpole,lunar "
     "lander,lunarlander,q learning,qlearning,half cheetah,mcts,double dqn,dueling,c51,bandit,deep "
     "q"},
    {ANALYSIS_JOB_REINFORCEMENT_LEARNING, 4, CUE_ANYWHERE,
     "sac,replay buffer,replay memory,epsilon greedy,soft actor critic"},
    {ANALYSIS_JOB_REINFORCEMENT_LEARNING, 2, CUE_ANYWHERE, "episode,episodes,rollout"},

    {ANALYSIS_JOB_GRAPH, 6, CUE_ANYWHERE,
     "gcn,gnn,gnns,torch geometric,dgl,jraph,graph neural,graph neural network,graphsage,graph "
     "sage,sage conv,gcn conv,gat conv,planetoid,ogbn,link prediction,node classification,graph "
     "classification,knowledge graph,node2vec,deepwalk,graph convolutional,se3 transformer,graph "
     "transformer"},
    {ANALYSIS_JOB_GRAPH, 5, CUE_ANYWHERE,
     "gat,graph conv,graph convolution,graph "
     "attention,molpcba,ogb,ogbg,cora,citeseer,pubmed,zinc,qm9,tu dataset,message passing"},
    {ANALYSIS_JOB_GRAPH, 2, CUE_ANYWHERE, "graph attention layer,adjacency,edge index"},

    {ANALYSIS_JOB_RECOMMENDATION, 6, CUE_ANYWHERE,
     "recommendation,recommendations,recommender,recommenders,recommendation "
     "system,movielens,movie lens,dlrm,collaborative filtering,lightfm,torchrec,tensorflow "
     "recommenders,tfrs,deepfm,deep fm,two tower,sasrec,bert4rec,implicit als,wide and deep,wide n "
     "deep,ml 100k,ml 1m,ml 20m,nvtabular,click through rate,ctr prediction,hugectr"},
    {ANALYSIS_JOB_RECOMMENDATION, 5, CUE_ANYWHERE,
     "ncf,neu mf,neumf,wide deep,matrix factorization,merlin,criteo,deepctr"},

    {ANALYSIS_JOB_TIMESERIES, 6, CUE_ANYWHERE,
     "forecasting,timeseries,time series,arima,sarimax,prophet,temporal fusion,lstm "
     "prediction,neuralprophet,gluonts,darts,exponential smoothing,pytorch forecasting,stock "
     "prediction,stock price,statsforecast,n beats,nbeats,deepar,electricity "
     "load,informer,tslearn,sktime,anomaly detection time,autoformer,fedformer,patchtst,patch "
     "tst,timesnet,times net,dlinear,d linear,itransformer,etth1,etth2,ettm1,ettm2"},
    {ANALYSIS_JOB_TIMESERIES, 5, CUE_ANYWHERE, "forecast,forecaster,forecasts,demand prediction"},
    {ANALYSIS_JOB_TIMESERIES, 4, CUE_ANYWHERE, "stock,stocks,yfinance,time sequence,pred len"},
    {ANALYSIS_JOB_TIMESERIES, 3, CUE_ANYWHERE, "anomaly detection,imputation"},

    {ANALYSIS_JOB_TABULAR, 5, CUE_ANYWHERE,
     "bike sharing,house prices,house price,housing prices,load iris,load wine,load breast "
     "cancer,load "
     "diabetes,fetch california housing,california housing,boston "
     "housing,titanic,tabnet,pycaret,autogluon tabular,churn,credit card,fraud,iris,adult "
     "income,auto mpg,abalone,fetch covtype,make classification,make regression,make "
     "blobs,higgs,diabetes"},
    {ANALYSIS_JOB_TABULAR, 4, CUE_ANYWHERE,
     "lightgbm,catboost,regression,linear regression,random forest,gradient boosting,decision "
     "tree,k means,kmeans,tabular,structured data,grid search cv,dbscan,svm,svc,k nearest "
     "neighbors,knn,naive bayes,feature columns,xgb classifier,xgb regressor,xgb,clustering"},
    {ANALYSIS_JOB_TABULAR, 3, CUE_ANYWHERE,
     "xgboost,regressor,logistic regression,pca,predict proba,cross val score,polynomial,d "
     "matrix,cuml"},
    {ANALYSIS_JOB_TABULAR, 2, CUE_ANYWHERE,
     "sklearn,k fold,kfold,random forest classifier,train test split,standard scaler"},
    {ANALYSIS_JOB_TABULAR, 1, CUE_ANYWHERE, "read csv"},

    {ANALYSIS_JOB_SCIENTIFIC, 6, CUE_ANYWHERE,
     "conjugate gradient,molecular dynamics,fluid dynamics,finite element,finite difference,navier "
     "stokes,openmm,gromacs,lammps,ase,physics informed,pinn,lattice "
     "boltzmann,quantum,qiskit,ising,alphafold,protein folding,ray tracing,cfd,astropy,heat "
     "equation,wave equation,game of life,differential equation,differential "
     "equations,schrodinger,mdanalysis,rdkit,variational inference,hamiltonian monte carlo"},
    {ANALYSIS_JOB_SCIENTIFIC, 5, CUE_ANYWHERE,
     "nbody,n body,mandel,mandelbrot,julia set,blackscholes,black scholes,monte carlo,odeint,solve "
     "ivp,page rank,pagerank,runge kutta,euler method,numerical integration,newton "
     "raphson,simulated annealing,gravity,escape velocity,kinetic,kinematics,corner detector,edge "
     "detection,sobel,canny,laplacian,interpolation,linear algebra,benchmark kernels,option "
     "pricing"},
    {ANALYSIS_JOB_SCIENTIFIC, 4, CUE_ANYWHERE,
     "simulation,sympy,eigenvalue,eigenvalues,eigen,jacobi,gaussian elimination,lu "
     "decomposition,velocity,numpyro,pymc,mcmc,stencil,physics,raw kernel,elementwise kernel,cuda "
     "kernel,prime sieve,prime numbers"},
    {ANALYSIS_JOB_SCIENTIFIC, 3, CUE_ANYWHERE,
     "simulate,numba,cuda jit,cuda grid,fft,saxpy,matmul kernel,gemm,njit"},
    {ANALYSIS_JOB_SCIENTIFIC, 2, CUE_ANYWHERE, "matmul,scipy,cupy"},
    {ANALYSIS_JOB_SCIENTIFIC, 2, CUE_NAMED, "numerical,computational"},
    {ANALYSIS_JOB_SCIENTIFIC, 3, CUE_BASE_NAME, "numpy,scipy"},

    {ANALYSIS_JOB_DATA_PROCESSING, 5, CUE_NAMED,
     "prepare,preprocess,preprocessing,download,etl,prepare data,data preparation,data "
     "cleaning,data loading,load data,load csv,loading data,preprocess data,create dataset,make "
     "dataset,build dataset,dataset builder,scrape,scraper,crawler"},
    {ANALYSIS_JOB_DATA_PROCESSING, 4, CUE_BASE_NAME,
     "build vocab,make vocab,create vocab,convert,tokenize,dataset creation,split data,downloads"},
    {ANALYSIS_JOB_DATA_PROCESSING, 2, CUE_BASE_NAME,
     "generate,data,dataset,csv,clean,extract,merge,cleanup"},
    {ANALYSIS_JOB_DATA_PROCESSING, 5, CUE_ANYWHERE,
     "pyspark,spark session,dask dataframe,apache beam,airflow,tf record writer,snapshot "
     "download,write parquet"},
    {ANALYSIS_JOB_DATA_PROCESSING, 4, CUE_ANYWHERE, "to parquet"},
    {ANALYSIS_JOB_DATA_PROCESSING, 3, CUE_ANYWHERE,
     "push to hub,tofile,to csv,groupby,dict reader,beautiful soup,urlretrieve,cudf"},
    {ANALYSIS_JOB_DATA_PROCESSING, 2, CUE_ANYWHERE,
     "read csv,read parquet,extractall,drop duplicates"},
    {ANALYSIS_JOB_DATA_PROCESSING, 1, CUE_ANYWHERE, "csv,load dataset,group by"},
};
#define CUE_ROW_COUNT (sizeof(cue_rows) / sizeof(cue_rows[0]))
#define CUES_MAX 1400

#endif
