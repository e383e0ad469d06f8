-- A checksum of the training's measurements: of every row in train_metrics, eval_metrics and
-- layer_stats. NULL: not known, and not checked.
ALTER TABLE trainings ADD COLUMN points_sum INTEGER;

-- Whoever takes up a training computes the sum anew. A process of an older version does not, and its
-- rows must not be taken for damage.
CREATE TRIGGER attempts_forget_points_sum AFTER INSERT ON attempts
BEGIN
    UPDATE trainings SET points_sum = NULL WHERE id = NEW.training_id;
END;
