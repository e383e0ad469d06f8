-- How strongly each 3x3 layer responds at the end of a training (train.layer_stats).
CREATE TABLE layer_stats (
    training_id INTEGER NOT NULL REFERENCES trainings (id),
    layer       INTEGER NOT NULL,               -- 1 for the first convolution
    name        TEXT NOT NULL,                  -- conv1, layer1.0.conv1, ...
    std         REAL NOT NULL,                  -- after BN, before ReLU and addition; all images
    PRIMARY KEY (training_id, layer)
) STRICT, WITHOUT ROWID;
